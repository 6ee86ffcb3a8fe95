"""What is noted of orders and of stock is added to and never rewritten, whoever runs the statement.

The role of the application has no right to (decision 22); the trigger holds for the owner of the tables too, who is
the application where there is one address for everything. A migration that has to fill a column disables the trigger
in its transaction.
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE FUNCTION "append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '%: rows of % are added, and neither changed nor removed', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', HINT = format(
                    'The owner of the table can disable the trigger %I for a transaction.', TG_NAME
                );
        END $$;
        CREATE TRIGGER "order_events_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "order_events"
            FOR EACH STATEMENT EXECUTE FUNCTION "append_only"();
        CREATE TRIGGER "stock_movements_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "stock_movements"
            FOR EACH STATEMENT EXECUTE FUNCTION "append_only"();
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TRIGGER "stock_movements_append_only" ON "stock_movements";
        DROP TRIGGER "order_events_append_only" ON "order_events";
        DROP FUNCTION "append_only";
    """


MODELS_STATE = (
    "eJztXe1z27jR/1cw+pKko/Mkju1cnWc6ozjKnRvHztjKXad1h4JFSGJNgToCsuJp739/dv"
    "HCF5GUSVmSaYUf7mKBWADcBQHsb1/w39YkcJkv9k5dNpkGkvHB/Wd23zom/21xOmHwR0GN"
    "NmnR6TR+jgWS3viKxIvrOrfsXj2kN0KGdCDh+ZD6gkGRy8Qg9KbSCzhSXXBGZoKRYEgoAT"
    "Jyc08CXRa+JzPu/TFjxOOk33+JRW2s86rfb5P52BuM2R0LoeUBVJFkAGMnchwGs9F4D3t3"
    "gwF07/HRpjvS1I4MRkyOWQjd/etfLWwFH0I7rX//G/7wuMu+M4FP8ef01hl6zHdTfPdcJF"
    "HljryfqrIP3uiUy0+qLr7VjTMI/NmEx/Wn93Ic8IjA4xJLR4yzkEqGPchwhsznM9838rLy"
    "0GOPq+hRJmhcNqQzH0WI1HoAcVnLcc4ves5Vt+c4rYx4LUVCEKZoEHCcGjBUoRgwwiH89N"
    "f9/bdv3+2/fnv08+HBu3eHP7/+Geqq8WYfvftTDybmlm5K8ez0l9PzHg4ogPmnJygW/Klo"
    "qKSaSgkj5v6tnuNp9p+MaZjPfFN9gfvwWovct7xexn5bEPM//mK2IYAJ/e74jI/kGH7uHx"
    "4uYe5vncuTXzuXL6HWqzSLz82jff0MuR1zN2TwpkI6YyrGVdi8SFdnfreufu38tH94hMsM"
    "LAXEjP2FIBNGOQigTWRAJPN9WIVCNmXSQ0oyDIMJoTzA5cMSwaLkwi9sRuCKA9Mtu6xtob"
    "+lM+XooMREOToonCf4KD1NBiFDMTpUZifJR3givQnLnyhpyoVp4hrSPftHfSZN+Y8UXtC9"
    "4P69WZ2XsL53+qV71et8+YrdTYT4w1f86/S6+GRfld4vlL48WhBT1Aj5/bT3K8Gf5J8X51"
    "3F3kDIUah6jOv1/tnCMdGZDBwezB3qJjYSW2q5lpI6+z71oLUVpJ6m3EGpPxMpW54sFXMQ"
    "whLj5J1yCo84SZKHDzrPQJ7mrLP/5uDdwc9vjw6iI05UsuxkY08xMU/xoFmNpQmKhqOGo3"
    "gkH97mHgvtST7N3U9ByLwRB71IMfkURkT5gOUw1ShT30wzz4y5f9rZY0vjFT2k80iHSU4q"
    "eHd4Yyb1wa5zddL52G1l14E18PTCtrOjTE0ufvlcxXl7Qwe3cxq6TmoC45NgP1goiepmH0"
    "32J4sllNOR4g6+Bg7a8p2zHuymveCW8VYOcJB63l4GG4AO7uDGDNoz1K2AGqj6oKbDVsNB"
    "k/eVRu9JQcyReI9cMpexCYgBlfaQTYI7JvQpOZi34fTr6kJTwROg6lOsiFQCivJBhC30e8"
    "2veQ/qo6J6QwUj4wCEQvp9/MaEcxd4rmFXv3+sqBU+MRhTPoKuqAI1QAdgE+r5JAjJlAox"
    "h7nUJtMwGo162iauJ1AW4ppDRT3B9HMNgzDuxj+hTd0v/BPskasA+lJ9SHwD3wNKj6vaHr"
    "8JviuwhRM4H8ARQpCRd8c4mU3hVQWT0CHqH8CFPdIhnM2jURLqIzLjM2qHqjrVnUh6q15R"
    "v6zVe/Sb4tx+GJCZzkI41rDyoIzqvbLamqZaj9L6tBjNRhS/YjTGyimX510+m2T2iBT/E+"
    "S1Rgy+dq6ufr+4/OhcdqHKcfQVOOoruebdL53TMweYdv5L91hPdEdPfvvssvtb97Jnn4W4"
    "FsjFpasU6vO6DOjzuhjzeb2oy6sRVfloIoKVRGa+hk1LDJdmu6bJgNwwvarC6qrXO70Y2Q"
    "UKdojsRrJaEw9gdmW+SKi1BLNrwJgGjGnAmB8FjGmAgwY4qIGO+yBw8EQqroIW8nRbizks"
    "UWqxSkldtgNaJFbHnd8apLMHhtxaGT3R0+oSiH+mVKOQDYBqDzRHF9QhKvt9Iug9KpxMq2"
    "liztiUiHEw813iB8EtARULzh/BlNkO6Qhkd3zN6VDiLzIK0Qw+ZaEXuGQYYBFUdlGbhYG1"
    "sQGlkYGaa5QzOM3eKt0RNDoYJNLgK4CmCIeeARyBgPY9GXqc+qiEIuvIGHQ/wqEaDp5KyS"
    "ZTCdouGQQzmF5k4FNvIrQybV56yPgAB6F1xVTXWnPUSjSWqnEUKYqPMdX/KHb6R2LXxTof"
    "LIVyJlZV+WLq7Wl8LTP5W1XVvu75x9PzX47tx3PNv15enHSvrnRh9GFc85OLL1/Pur3ux2"
    "OY/ZMpLo/uNf8Emh8WDUFRwN8nnfOT7pkqGiBzfCithxIoA0lzlMBlbi0RyfZOGa8ryu+L"
    "h3gZdCHFe/Ia/pAKBmNm1YRFKRJWdjWvSvyE3jKJb3PsTafwAo5RXLMi7bHvBQLNo60zKr"
    "MWfaD7j15KFbAfycsvnX+8SqkDZxfnv9jqiY/q5OziQ8aJZshCZha/8h40CaK6IysD32Mc"
    "PVgQX4cl/0YfeqKvAxoOiHZciU5EFp+GYwMC6ORl5M8Hw4MDhD5UOBEf+v1X+ZjMNjtfug"
    "y/eV1mHYZahQuxepaePLhXzEIGM8NdGVZdbKPO0+niW8+5+ORc9S5OPh+T5C+12378dtJz"
    "vp13foOttPPhrHtMcgqT+7LTvby8uFTVUiWr7LNvy8j3bbF432aka0/JWcleTajvF262Sb"
    "ra7rdVT6hv998dRbsh/li2/1196ZydZTc8rTNVhcBiqjXAX9v5UH5I9EurhlW20Ziizote"
    "b1HtpQml973SqVH/D1G9vgnce1VBKdq/Y3WtTYdMYwTaPh3cmd0NVBXmkrkHbz+ToPijnS"
    "p/I936CLa/m8KQBPI8M4MKV9oExfYW2jebXWjX5sbWmJqKWb27pqbZ1F1R6mnKRup1kXrO"
    "5mtG31ieGsvTs7A8XcL8vjw96S0zPSUNAdnAxwWo07Tw6fMl86nMPwIUhlzuCPPTHgZ3jO"
    "dpqlU4pexwXWxoV7lksJZ18OmTbmpXOeVJNlkHm06hnV3lEfohTx7/2V3JYHD7xbRVG7X3"
    "8azauC+BXqqKHAqihewBrwInXjrL+ckLyabGq1A18EKQsSdkEN7vkctgLggNtYshUU7kcI"
    "gDBfulga1Nbw4MCjRvB6vlYueb6gg9HDogH280wgB8z/cjD3Pbh4Le0Q/Ahb1dAw2eq/vR"
    "Aa2UiDF07UKPd56A4RAfZvA1h667v3XPe87ZxS/w38lnjPbH1l4hEBGoQY6YFMa5HWiMYz"
    "q6/ptSHhA18JQdAPEKrkIC5vS+TURwzaX28KfGTcLG3+JIJ54QTBDjC38MRZpT+DocX9by"
    "s01uZhJ4QbkAoYOElZVwggAJt7G8m3BqaPIPrNeiukveD6v4u/8wjg+NuW2XzW02LUXekv"
    "lwMovchbNW0uzF6ST0XufCZuVJg9+jE1/sYGcc8ThGuAnteKjAfhFTwv6E/7HcuLoN9/XA"
    "d1/uw1/25Wcmx49iXNJyUhJBCcUeE3j6MYblhBSplfLDRqNHtbx9Y5AZ0Yq295VhzZopV2"
    "s0vjfmoGIuP0/DQBlzECg2QUXLQJKkxt9QC1RKOKCCgli4s2UWxe0YXpucLLuQk2WLB4Ak"
    "8gITWQEl2JRFZmw4yhbn8xJTWJNqpJwx7OFUI4sTfHsGxucwuatTb8xqmdlRd05SK2ymZW"
    "lWlEryGFLZmLxx24M1/xVZHxLmwYfsD0mjZKnoRqPj2MjC0LUqnkbw2uSGKbEQEUyYAsHJ"
    "nAoCzEZRgYBQ49OhgyE2MJPF9oTcwMmtDkBZLIxHtY5W1GD/Gx1IqZXV1ChUXwwGjEMRgS"
    "5M2FGMN+SE3mOeCDkPlPujCqHUWnED+j9n0P+JkIO6HVPWCB3sKPhWnpWbh7t+OPAbDwl2"
    "H8EFG5bxtnFi1x7qKh9cCWS7QkPbh61ZGOYdFpfka7IEtTY56sg+KpS5YB7tuWp/b+MG3+"
    "+f4fbeVdlr3H6/KDiwahPb/zAnTAg4B1aRYYJki2HzrconfgwNkSp/RTsKALmjPnxaygoE"
    "BzJzWQMeu3wXD0tQPmXB1M/R1tbQ3lLpHpaS7uES6R5mpduA4sWb3u6C4g1A24CEzwYkfE"
    "KQQznvFiEc1rP3IXgj8iQu512J1ZPK+h45x7sz0Gw9Db0BUxjBIJh6GLUYxzPSwYBNpVH4"
    "fSoT2Xs1aEh9nW3pxvP9fHfLrfXc5EiqV46kaRi4s4F01O8K57xFujof2VfUdTeiFP0xo1"
    "x6MudqqMKpnCRptt8c+6hdhRy1VFWDH7O0dWZxMtcToXAqtMtxnO4JNUn7UktzRZWlr0W6"
    "KBzxKuJN09U2IYlCBPCerDaZzm58T4zRVgCHw4I8Xqk8XwVA0eOaq4XUG5/n7fg8a/winh"
    "valKXRRBWL4gl1QnwhiNn3j6F8CFPMZwqv8pnGsjyFS+pAE7RT4/E3lfLqYahjA6mM7uB1"
    "lCDL77kpmjq70Hz12MB6K5tEJ/g/dTGpkVVsGERQCp4IDLrLLhqPa6rxK3t25yZ7hq/E1T"
    "RRw9cGDnoanzEzD9fA169xSzvK2fQ3WyuHIsv8HKQtIZdinM28WkmQ7SryyZEBEcz390gn"
    "HIw9dVmKRqw0a1w44PguMfnDBRyNfYLDyw04Wkur6OrT7wd4yRN3+33CQO33dQSymE3sIc"
    "q87guhd14SheG/T3kEkpANZ0JdbcXZiEoYCrr4qDBlyzHH9OUMxmxw2++/UmhfgkCpTZgx"
    "PaIQjMJ7weAQ+lOB1CGdmNSkgVYiJfsuG6CvhkBfVYCvAfaqAXv4r5N75/tVEEq7G+Wy2d"
    "nhu983werkyDLcLk4bvkBWX/eEqvt/rll6E/nCVwDgnh+sanZaYPXQG80w1cdgFmKu7Zyb"
    "1yrQ1QJQM1t+FSU6pqgtevp0hgdzylvBhWaBtMnuXJ8Ek1mfmSY571o/m8bxrJjVu+t41i"
    "Tn3TWp56ydUfK7DID0UOLTBYephRNmk3rxyVMvPhtebRKuvMJ0YmqcGbjSPmovgyuFrlQl"
    "46I34j95vB0lr1ExgiEbwjc6Tt5l7+GlhDyYhZj+b16QVXHFxuzdkOmaoPUwf4hgoAY5MT"
    "2jCmDARlEluvq189P+4dEe6aAvvOdCMY4AVKPEvYpAbriiHOevuck+iDc0jHVgRCBxWhI6"
    "p/eE0dD3MB5aMIaQK6b1UbGQE0a5sV5i6KW6C8J4LHrSxELiNRCBz6657dHDaMk7GIxLXl"
    "5+OiF/fff6NbSsMiKSg703B3v7rzYBZ377dvqxAp45m3nuHtKs8p0+DGu2/m844/qdVU/4"
    "v4O/PQFqoY37ertKbkTq1Zfjm2pGOThnqqCcaaodBOCOytzjflR8jftR5hZ3lTEAVkeec4"
    "4rZnSaagewty3gnIVXIxaz+UluRNwSjw8OS7D44LCQw/hoAbNnEoN1K5lFYpL6Mrh1obFI"
    "MxuOdYx/lFJYfYbKV4thCmSM/XfZHXr5m0zCcfbf9AliXa1uWcwN3lD8hT1PzbMM3uBTIR"
    "1M0LKC3BdpG8k/J8kzFTYtVpB7mnIHpf5MpFwKlTeK2wpiTlM2tpc6S7m53au53asGLpRF"
    "efKeOFQ5DeLmoZKLKO8SbBKrOil0uRxEqUN+U4EC1kFx+WUtCz2WuhhmU50hxGkvasFK1s"
    "NyHIAcFnwvw2Dezt4Soy+Iie53OVblUX84YtSJbCTFDRsEE3bN7zzhgQBSF9EYXxIvxPtb"
    "9kgv6dmpx5N9ncTFcf3+MQZyqySCxLiB3rJ7FQHWpHd7zund4JuVtMJWGNVvNsJibyiHDm"
    "XeFviQT1RMV2fu6tg+FbLFydjYfXJCRourbVgKoIeKPN+acuGdMXWdwXt47dPeaefsGJZ5"
    "T3rUv+adj3//dtX70j3vwWLt/mcmJK7j1/yqg4GdGFm5KKJyOHQpGLrCvUN49UklgNTUry"
    "86WieIf+G61yqMziGtc2zzh3uT/0xByOpoMoBDimAYdMITn4Ax59okamhHvlGW3gl1mX6Y"
    "Xb3W3vryqXBYBqOGWsVT4bBBqRus8niX7yh5umPdE4SK7zhLm0jxrUBxTUzzmmOaM8vCGl"
    "hbNgy/ZkvCo6Pwf6AbQdbO1Nre56HYngMbW3EUo8UIiJe9toNMoW7ANZIZBvPYZTRkiGC6"
    "x6TfNyHycIrt98kYtBvMOaQw3HuV0VwjruZm6ygeXjVMYHbdq7u888Lzt9u9dZXNALaKYQ"
    "6bUM93fO+OQTcvKdEzOY6h7/dVDXhousCqKn/0K5tAGn1WvdFYRjeNUOhSUeEj7YSrB4PO"
    "u+GE+pjJadJeGIMJ+4/SUlMJJSJORw6vGpP4nkC+vIQRXXP88UJoqPqV5kvUdAivjPgzNq"
    "OdgvHS8wX2TmdSJRAIJjB3EBQ34PfUpwMF7asRtnVuBGj+mk+pEHPoUPemxSYi36MXkQux"
    "0Pe5xqoxAt+iSUhQw4QESsZVAI+IoM5I36rg0mEZP12otQRRyHjqhmwQ4PrlVGZ1lrLO0B"
    "Iut+ixZT0T4yxlcEhUSVjgTz+AZRv+/Yt6pb+oPSCQx2qVxCVaBxwQMQ7mHJ6o8AHVDlYX"
    "mNkFIw3CDCq73d6vOUIhe+QcuGQu+kg0aTu8uYfVVW0IQYg/zKVkrsnwTN2Jxz2cjLBXlE"
    "G7NjA3h/AClZMOp4h2cRXYBMQcMW2F7CQZ2obp5ZhuzyuVA1IyhDvI8aMyDD8q5vdR1owi"
    "HNBA4KSc45wQBD6jvOCslqRb4PQNEG6K1fYct13fvw8XF2cpWPzD6WLSl29fPnQvX75RrI"
    "dKnkw5JqQZjrvICvy2ZFtkd1TybPm9mxkoWid4paWwd0bEF1ZSMvA9tNYpIx61xj2lKuIt"
    "SznhrY9rqsl40dj2mowXjdRXzHiRzk5nka6qUk9TNmEJ9RFyTowRAp2rCDlF+Gxk3Prd3h"
    "Ii5oxNyZi65ManHBMnSAuAiLE3nSI6bpEQ5aRtZrUFanXy2zz/w/V3sGPzb6W8OgtuYo9M"
    "GnMat/ZZIwLPbOMplWEHDocOfn6OSg/x2HxEnPWgrR42tbMMU9/cI/m0Y+ntc3yS2N3j0z"
    "YpNnXvyuVs2trmEBBlisRUO+8JR+VqGIQWd77NSSbwCF7uKhd7NvwHNjHcy94bIzU2ZS2k"
    "1qq8Tn4mc1KtztFE+qtd/ICfKOlaPU/w28251mGhNxi3crxUzJP2Mj8VGtd5yFGlmA2N70"
    "C9fAcK4dBiw0oxHroLJpWNRCTgR1WBw6b6DnL3TSkT4ZslJsI3WRMh9Chzk6j9/erivAAM"
    "jkkWkQNvIMn/CHpmPUNuL2EuMiOlk2fuMVi8sqCdVraxgQ95btfbdLj88/8BV8w6Pg=="
)

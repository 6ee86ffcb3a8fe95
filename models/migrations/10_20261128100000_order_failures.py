"""What failed attempts at orders failed for, whose doing each event was, and the open orders by their age.

Orders tell which worker has the lease. All new columns are null in the rows that are there; the index holds open orders
alone, so that it stays small, and is made by one look through the table.
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "orders" ADD COLUMN "worker" VARCHAR(100);
        ALTER TABLE "order_events" ADD COLUMN "request_id" VARCHAR(200), ADD COLUMN "worker" VARCHAR(100),
            ADD COLUMN "attempt" SMALLINT;
        CREATE TABLE "order_failures" (
            "id" BIGSERIAL PRIMARY KEY,
            "order_id" INT NOT NULL REFERENCES "orders" ("id") ON DELETE CASCADE,
            "attempt" SMALLINT NOT NULL CONSTRAINT "order_failures_attempt_check" CHECK ("attempt" >= 1),
            "worker" VARCHAR(100),
            "request_id" VARCHAR(200),
            "error" VARCHAR(100) NOT NULL,
            "message" VARCHAR(500) NOT NULL DEFAULT '',
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        CREATE INDEX "order_failures_of_order" ON "order_failures" ("order_id", "id");
        CREATE INDEX "orders_open" ON "orders" ("created_at", "id") WHERE "due_at" IS NOT NULL;
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "orders_open";
        DROP TABLE "order_failures";
        ALTER TABLE "order_events" DROP COLUMN "request_id", DROP COLUMN "worker", DROP COLUMN "attempt";
        ALTER TABLE "orders" DROP COLUMN "worker";
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
    "jLs1it3BL6KHSAw95ohCH0nu9HPuK2EQWeoyXfhd1ZQwWeqxvSIamUiDG07UKTd56A/ogP"
    "c/Cav+z3u791z3vO2cUv8N/JZ4zXx9ZeIZQQqFGMmBTGPR1ojGs5Ou+bUh4QxdEUko+IA1"
    "dO/XN63yYiuOZS++hT4+hgI2hxpBNPCCaI8WY/hiLNCnwdji9rGdYmNzMJvKBcgNhARsrO"
    "N0GIg9to3E24JTQZBNZrE90l/4VVPNZ/GNeFxmC2ywYzm1gib8l8OB1F7sJZK2n24oQQeq"
    "9zYbPypEHg0Q0vdpEzrnQcY9SEdh1UcL2IKWF/wv9YbmTchvt64Lsv9+Ev+/Izk+NHMQ9p"
    "OSmJoIRinwc8/RjTcEKK1Er5YbPPo1revjnHjGhF6/nKwGTN1KM1ms8bg04xl58ntF/GoA"
    "OKTVAR20+S1PgbaoFKCQdUUBALd7bMorgd02mTVWUXsqps8QCQRF5gIiugBJuyyIwNKNni"
    "fF5izGqShZQzZz2cLGRxgm/PRPgcJnd16o3ZHTM76s5JaoXNtCzNilJJHkMqm4M3bj2wBr"
    "wi+0HCwPeQBSFpViwVn2h0HBsbGLpWxdMIXpvcMCUWIoIJUyA4mVNBgNkoKhAQanw6+C/E"
    "Bmayiulh2wNQFgvjE63jDTXY/0aHQmplNTUK1ReDAeNQRKALE4YS4884ofeY6UHOA+XAqI"
    "IgtVbcgP7PGfR/IuSgbseUNUIHOwq+lWfl5uGuHw78xkOC3UdwwYZlvG3c0LWPucroVgLZ"
    "rtDQ9mFrFoZ5h8UlGZcsQa1Njjo2jwplLphHe67a39u4wff7Z7i9d1X+GbffLwrvq9rE9j"
    "/MCRMCzoFVZJgg2WLge6vyiR+DO6TKQNGOQjjuqA+flrICwYHMXLeAxy7fxcMSlE9ZMPVz"
    "tLU1tLdUuoelpHu4RLqHWek2oHjxpre7oHgD0DYg4bMBCZ8Q5FDut0UIh/XNfQjeiHyBy/"
    "lHYvWksr5HzvH2CzRbT0NvwBRGMAimHsYdxhGJdDBgU2kUfp/KRP5dDRpSX+dLuvF8P9+f"
    "cms9N1mO6pXlaBoG7mwgHfW7wjlvka7OR/YVdd2NKEV/zCiXnsy53KlwKidJmu03xz5qVy"
    "FHLVXV4McsbZ1ZnMzWRCicCu1yHCdsQk3SvtTSbE9l6WuR8AlHvIp403S1TSmiEAG86apN"
    "prMb3xNjtBXA4bAgE1cqU1cBUPS45moh9cbneTs+zxq/iOeGNmVpNFHFonhCnRBfCGL2/W"
    "MoH8IU85nCq3ymsSxP4ZI60ATt1Hj8TSWtehjq2EAyojt4HSXI8ntuiqbOLjRfPTaw3som"
    "VQn+T10tamQVGwYRlIInAsPmsovG45pq/Mqe3bnJnuErcTVN1PC1gYOexmfMzMM18PVr3N"
    "KOcjb9zdbKocgyPwdpS8ilGGczr1YSZLuKfHJkQATz/T3SCQdjT113ohErzRoXDji+S0wG"
    "cAFHY5/g8HIDjtbSKrr69PsBXtPE3X6fMFD7fR2BLGYTe4gyr/tC6J2XRIH071MegSRkw5"
    "lQl1NxNqIShoIuPipM2XLMMX05gzEb3Pb7rxTalyBQahPmPI8oBKPwXjA4hP5UIHVIJya5"
    "aKCVSMm+ywboqyHQVxXga4C9asAe/uvk3tp+FYTS7ka5bHZ2+Pb2TbA6ObIMt4sTfy+Q1d"
    "c9oer+n2uW3kTG7xUAuOcHq5qdFlg99EYzTPUxmIWYLTvn7rQKdLUA1MyWX0WJjilqi54+"
    "neHBnPJWcKFZIG3yM9cnRWTWZ6ZJr7vWz6ZxPCtm9e46njXpdXdN6jlrZ5S+LgMgPZS6dM"
    "FhauGE2SRPfPLkic+GV5uEK68wnZgaZwautI/ay+BKoStVyZnojfhPHm9HyWtUjGDIhvCN"
    "jpO30Xt4rSAPZiGm/5sXpE1csTF7u2O6Jmg9zB8iGKhBTsy/qAIYsFFUia5+7fy0f3i0Rz"
    "roC++5UIwjANUocTMikBuuKMf5a26yD+IdC2MdGBFInJaEzuk9YTT0PYyHFowh5IppfVQs"
    "5IRRbqyXGHqpbnMwHoueNLGQeJFD4LNrbnv0MFryDgbjkpeXn07IX9+9fg0tq4yI5GDvzc"
    "He/qtNwJnfvp1+rIBnzmaeu4c0q3ynD8Oarf8bzrh+Z9UT/u/gb0+AWmjjvt6ukhuRevXl"
    "+KaaUQ7OmSooZ5pqBwG4ozI3sR8VX8R+lLmHXWUMgNWR55zjihmdptoB7G0LOGfh5YbFbH"
    "6SOw23xOODwxIsPjgs5DA+WsDsmcRg3UpmkZikvgxuXWgs0syGYx3jH6UUVp+h8tVimAIZ"
    "Y/9ddode/iaTcJz9N32CWFerWxZzgzcUf2HPU/Msgzf4VEgHE7SsIPdF2kbyz0nyTIVNix"
    "XknqbcQak/EymXQuWN4raCmNOUje2lzlJu7udq7ueqgQtlUZ68Jw5VToO4eajkIsq7BJvE"
    "qk4KXS4HUeqQ31SggHVQrHqvy2pNITxpL1nB8VvvyHEAPFzwmwyDeTt7w4u+3CW6m+VYlU"
    "eswPGgPmOjIG7YIJiwa37nCQ+Yl7pExviBeCHevbJHekmvTD2efn+B007i2rZ+/xiDsFUC"
    "QGJcOG/ZvYrealKzPefUbPC9SVphG4vqN5tYsSeTQ4cyb/t6yJ8ppqszd3Vcngq34mRsbD"
    "Y54Z7F1TYsBdAhRZ5fTLnQzJi6zsA7vPZp77RzdgzLvCc96l/zzse/f7vqfeme92Cxdv8z"
    "ExLX8Wt+1cGgTIyKXBRROQy5FIRc4c4gvLakErhp6tcX2awTPL9w2WoVRueQ1jku+cO9yV"
    "2m4F91NBnAIUUwDBjhiU/AmGJtAjS0Ad8oK+2Eukw/zK5ea299+VQ4LIMvQ63iqXDYIMwN"
    "zni8y/eLPN2x7gnCvHecpU2U91ZgtCYeec3xyJllYQ2sLRtCX7Ml4dER9D/QbR5rZ2pt7+"
    "JQbM+BfK04ipFeBLPLXrlBplA34BrJDIN57O4ZMkQw3WPS75vwdjjF9vtkDNoN5gtSCO29"
    "ykauEVdzK3UUy64aJjC77tU93Hmh9dvt3rq5ZgBbxTCHTajnO753x6Cbl5TomRzHv/f7qg"
    "Y8NF1gVZX7+ZVN/oz+pt5oLKNbQih0qajwkXag1YNBx9twQn3MwjRpL4zBhOxHKaWphBIR"
    "pxKHV41JfE8gX17CiK45/nghNFT9SvMlajqEV0b8GZvRDr14YfkCe6czqYL/gwnMHQTFDf"
    "g99elAAfdqhG2d1wCav+ZTKsQcOtS9abGJyG/oReT+K/RdrLFqjMC3aJIJ1DCZgJJxFcAj"
    "Iqgz0rcquHRYxscWai1BFDJetiEbBLh+OZVZnaWsM7SEyy16W1mvwjjDGBwSVQIV+NMPYN"
    "mGf/+iXukvag8I5LFaJXGJ1sECRIyDOYcnyvVftYPVBWZlwSiBMIPKbrf3a45QyB45By6Z"
    "SzoSTdoOb+5hdVUbQhDiD3OhmGuyM1N34nEPJyPsFWXQrg3MzSG8QOWEwSmiXVwFNgExR0"
    "xbIbNIhrZhejmm2/NK5WCSDOEOcvyoDMOPivl9lDWjCAc0EDgp5zgnBIHPKC84qyXpFjh9"
    "A4SbYrU9x23Xb+/DxcVZChb/cLqYsOXblw/dy5dvFOuhkidTjglphuMusgK/LdkW2R2VPF"
    "t+72b2iNYJXkcp7H0P8WWTlAx8D611yohHrXFPqYp4Q1JOaOrjmmqyVTS2vSZbRSP1FbNV"
    "pDPLWaSrqtTTlE1IQX2EnBMfhEDnKkJOET4bGbd+tzd8iDljUzKmLrnxKcekB9ICIGLsTa"
    "eIjlskRLlgm1ltgVqduDbP/3D9HezY/FspJ86Cm9gjE76cxq191ojAM9t4SmXHgcOhg5+f"
    "o1I7PDaXEGc9aKuHTe0sw9Q390g+7Vhq+hyfJHb3+JRLik3du3L5lra2OQREmSIxTc57wl"
    "G5GgahxZ1vcxIBPIKXu8rFng3/gU0M97L3xkiNTVkLqbUqr5OfyXxSq3M0kbpqFz/gJ0qY"
    "Vs8T/HbzpXVY6A3GrRwvFfOkvcxPhcZ1HnJUKWZD4ztQL9+BQji02LBSjIfugkllIxEJ+F"
    "FV4LCpvoPcfVPKRPhmiYnwTdZECD3K3ARof7+6OC8Ag2OSReTAG0jyP4KeWc+Q20uYi8xI"
    "6eSZOwgWrxtop5VtbOBDntv1Nh0u//x/7cAHuA=="
)

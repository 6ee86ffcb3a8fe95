"""Orders have a reference, the client's own number: unique among the orders of a user, and found by itself.

No order has one yet, so the index is made by one look through the table and holds nothing.
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "orders" ADD COLUMN "reference" VARCHAR(100)
            CONSTRAINT "orders_reference_check" CHECK (btrim("reference") <> '');
        CREATE UNIQUE INDEX "orders_reference" ON "orders" ("reference", "user_id") WHERE "reference" IS NOT NULL;
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "orders_reference";
        ALTER TABLE "orders" DROP COLUMN "reference";
    """


MODELS_STATE = (
    "eJztXW1zGjkS/isqvqx9xbocx3H2yNVVEYdkvbFNCsju1S1bg5gRoPMgsSNhQt3tf79uaQ"
    "YYZgYDxnhM5sNujEatl2699aPu1n9LQ+kxX51ceWw4kpoJd/qZTUsV8t+SoEMGf2TkKJMS"
    "HY3m3zFB065vSPg8r3PHpuYj7SodUFfD9x71FYMkjyk34CPNpUCqumBkrBiRPUIJkJHulE"
    "ibFrwjY8H/HDPCBel0jjCpjHmOO50ymQy4O2D3LICSXciiiQttJ3oQyHF/cIK1e9KF6rno"
    "P3VFltrRss/0gAVQ3e+/l7AU/AjllP74A/7gwmPfmMKv+HN05/Q4870Y37mHJCbd0dORSX"
    "vP+1dCfzR5sVddx5X+eCjm+UdTPZBiRsCFxtQ+EyygmmENOhgj88XY90N5RfKwbZ9nsa1c"
    "oPFYj459FCFS2wbM00qOc1tvOc1ay3FKCfFGFAuCCJNcKXBoQFOVYUAfm/Dj38/OXr9+e3"
    "b6+uKnN+dv37756fQnyGvam/z09i/bmDm3bFGGZ1efrm5b2CAJ488OUEz4y9BQTS2VEcac"
    "+3d2jMfZfzmgQTrzw+xL3IduLXM/4vUq9kcJc/7PZ8w+BDCk3xyfib4ewM+zN29WMPfXau"
    "Py52rjCHIdx1l8G346s9+Q23PuBgx6qrQzoGqwCZuX6fLM71Lz5+qPZ28ucJmBpYCEbf9B"
    "kSGjAgRQJloSzXwfVqGAjZjmSEl6gRwSKiQuHxERLEoe/MJiFK44MNySy9oe6ls5Ui7O1x"
    "goF+eZ4wQ/xYeJGzAUo0N1cpB8gC+aD1n6QIlTLg0TLyQ9if7Iz6BZf5JCB7268Kfh6ryC"
    "9a2rm1qzVb35gtUNlfrTN/yrtmr45cykTpdSjy6WxDQrhPx21fqZ4E/y7/ptzbBXKt0PTI"
    "3zfK1/l7BNdKylI+TEod7CRhKlRlyLSZ19G3EobQupxykPUOovRMoRT1aKWQawxDhpp5zM"
    "I84iycMHnRcgz/Csc/bq/O35T68vzmdHnFnKqpNNdIqZ8xQPmpuxdIGi4GjIUTyS9+5Sj4"
    "XRST7O3Y8yYLwvQC8yTL6CFlHhshSmhsrU17CYF8bcv6LRE6XOV/SATmY6zOKggr5Dj5m2"
    "B7tq87L6oVZKrgM74Gk9KudAmbq4+KVzFcdtl7p3Exp4TmwA4xd5JpdSZnmTn4Znw+UUKm"
    "jfcAe7gY2O+C5YC3bTlrxjopQCHMS+l1fBBqCDO7gxg/YMeTdADUx+UNNhqxGgyftGo+da"
    "kfBIfEIazGNsCGJApT1gQ3nPlD0ly0kZTr+eTQwzcAWqPsWMSKUgKR1E2EO9bdEWLciPim"
    "qXKkYGEoRCOh2cY8q5l9wL2dXpVAy1wSfcARV9qIoaUAN0ADak3CcyICOq1ATGUpmMgllr"
    "zNcy8bhCWai2gIx2gNnvFgZhwpv/hDJtvfCPPCFNCXWZOjT2wOdAyYXJzUVXfjNgiyBwPo"
    "AjhCJ9fs8EGY+gq4ppqBD1D+DCCakSwSazVhLqIzLjMxo11VRqK9H0znTRdjbSe2xPcWw/"
    "DMiMxgEca9j6oIypfWO1NU61G6X1eTGaJ1H8stGYSE6pPK+J8TCxR8T4v0Cea8TgS7XZ/K"
    "3e+OA0apClMpsFjpklbVG7qV5dO8C020+1ih3ojh380bdG7ddaoxV9C3At0MtL11qoz+k6"
    "oM9pNuZzuqzLmxZtMmlmBFuJLJwNTy0xXJqjNU1L0mV2VYXV1a53djGKFijYIZIbyXZFPI"
    "DZrTMjIdcKzK4AYwowpgBjvhcwpgAOCuAgBzrug8DBM6m4BlpI020jzGGFUotZ1tRlq6BF"
    "Ynbc+aML6eSBITVXQk/kVl0C8Y+NahQwF6hOQHP0QB2iutMhik5R4WRWTVMTxkZEDeTY94"
    "gv5R0BFQvOH3LEogppH2RXaQva0/iL9AO8Bh+xgEuP9CQmQWYPtVloWBkLMBoZqLmhcgan"
    "2TujO4JGB41EGuwCaIpw6HHhCAS070iPC+qjEoqsIwPQ/YiAbNh4qjUbjjRou8SVYxhexP"
    "UpHyqrTIed7jHhYiOsrhir2mqOVonGVNOOLEXxMVf138s9/SOx62ydD5ZCPVbbqnxz6v1p"
    "fKVw8Jc2Vftqtx+ubj9VosnTFl8a9ctas2kTZxOjLS7rN1+ua63ahwqM/uEIl0evLT6C5o"
    "dJPVAU8Pdl9faydm2SXGSOD6n5UAK11DRFCVxl1jIj2d8p43RD+d1wxMugCq3ekVP4QxsY"
    "jIWrJixKM2ElV/NNiZ/RWmZhbg74aAQdcELFNSnSFvuWIdA02jyjMjvRB2r/asVUgWiSHN"
    "1U/3UcUweu67efouwLk+ryuv4+YUTTYwELF7/1LWgWiPKOrLg+ZwItWBBfhyW/aw89s9kB"
    "BUtiDVdmJ6IIn4ZjAwLo5GhmzwfNgwOEPVQ4Mz50OsfpmMw+K1+5DL86XWcdhlyZC7H5Fh"
    "88uFeMAwYjw9saVl0uI8/Dqf615dQ/Os1W/fJzhSz+Mrvth6+XLefrbfVX2Eqr769rFZKS"
    "uLgvO7VGo94w2WIp2+yzr9eR7+ts8b5OSDc6JScl2xxS38/cbBfpcrvfbnpCfX329mK2G+"
    "KPVftf86Z6fZ3c8KzOtCkENqfaAfy1n4nyXaJf97AoY/fXV+IWKPY3T17lWpMrbgq+75uC"
    "8cjbUupxykLqeZF6ytoZtr64OCguDl7ExUEDxnfj6rK16uZgEcdN+q0tIVVhCR8/N5hPdf"
    "oRINNj7kCYH78gvmciTdHYhFPmGqWGBR0qlzjoVbtg0hWUc6g8QuPI4eMHU1NL9+4mLOvF"
    "6lVJVj35BaedgFm3nLPp+cBVpzNfENYz3lWajUJTJ1PAD4oMuNIymJ6QhpwoQgNr90SMZS"
    "scTdJg9K1LwovTKnCY9/vo18t9f2a4GhViED28XvRgz7HXhtyzBVk/OUrUAMr2oMh7rqA+"
    "4sMYbIujTqf2a+225VzXP8F/l5/RiRhLOz4hvw2kaUWfaRXazAJNaO+KFsVhqpDEcDQGL3"
    "IF1RtL4wmdlomSbaGt4TANb18jtz5s6ZArxRQJTWwrkGRZgd0R2NmIYWXSHWvgBRUKxAYy"
    "MpcPQ7RMFpGL4FPclRZuzbu9qDmkS9VtzGi/m/vUAsU/ZBS/wNGyWf8yEZV1cDTYeeWGkM"
    "oiyVaYyp6mL5x5YAWFE4wHZ5d3xqbLmIDNzbMSB7v9INaFL/Ih+CLv0TJhUTWAgWxO8lhU"
    "pDpEZph7HM8rMMTCxXY9FPFhF9vlAb4/ZPYlDO7NqZ8M7k3sqAcnqS0203VptpTK4jFkYx"
    "T+yeEtA51moVsRrvoQuDXDcdfDtjD7IiJ1Qm4xnBJiSaOAu8zAMK4ccRCIMcS3TuDUddlI"
    "owugksSnesGh284n6lsD/C73/XQsbG81F2bz+TKbHwXSG7vaMb8T7M02DF2myzPCs6Wf+t"
    "lahpRnKwwpz5KGlH+OqdBcp0QLzBzKiySF6pCiOkSrkGOWqs3w4iRtnlm8aP5PaD9g0XI8"
    "9wCY0PmyvNJ9YF36XHgQYIu3EW+cLrc2quYkjKETy2Q07vpcDRjeGLksw7Uj5voh0g/Wjy"
    "suF1IvcJbdL5bRxr0RV+NEBV8LDOV5MJRwHO6Ar1/mJR0oZ+NzNlcKdsT8FPV6QS7ZynXY"
    "tTU166YcMmPKgPFyFANFlFQDd8BN0ByrplrWeBUifY+EfuQK9kOfYPNSA7rtpFS0Jul0JA"
    "b7El6nQxic9X1rMqLGw8iGI+zuD0iNRh8zy6d3MYSMBKw3VibEmWB9qqEp6C1v7Eoijjlh"
    "XY47YO5dp3NsVPwFAnNWQs/5GYViFPoFjUN931i+BHQYuqhJe3LU7JsutPscavebavWFNr"
    "+ZNo//Oqmx/5sy0NFulMpm54DfAHgKVi+2LMHtbPfxJbI9RncoPe3+vze/8S207peHpYQ7"
    "LbC6x/tjtM10xwH6XKdE4NuALh9atN3yN1Gi5xS5hUyeD20MT3lb2FktkRZevvnxVEsaVh"
    "VevjudNoV1YjarD9c6sfDyPTSpp6ydM3+jBID0kAflkpVE4e2WN2+3F8Orp4Qrm+j/IVNf"
    "q4g+lVfBlcpm2sTJjffFj1zYKJXmzg69xwLWgzk6WHzTgGNwSiHHAfprTTL83LYsLIoRGs"
    "8JWg/zewgGWpATHeZM9HEsNPaYRZXcU597kIwtANVoIb4mkIdcIROuB20RvSiHrx6YO+hA"
    "ahyWhE7olDAa+BztAxVj4eMXJrioeasu9HxTcsi60ptGZkpcG6skY6s2kD5ri6hGqDxg99"
    "AYjxw1Pl6Sv789PYWSjQsbOT95dX5ydvwUcObXr1cfNsAzx2PunSDNNvP0YViz9I/eWNg+"
    "m5rwf+f/fAbUwnq62O1qcSMyXV+Nb+bnfY3nPkw88dOKxoIWVkeRco7LZnSc6gCwtz3gnJ"
    "khMrPZ/CyRMffE4/N1npM9z35N9jzxmKxgGm2XN7oWmZPkl8GlusUiw9FQMRvr3AfcTEPc"
    "OPFJV2XCaHvsHk17F190TTlB7KrUPYu5wBuyZ9jL1DzXwRt8qrSDDgtbyH2ZtpD8S5J88f"
    "JMptRfiJTXQuVDxW0LMccpi7uXPEu5CBNYhAnMgQllTt8XioO4aajkMsq7ApvErE4MXV4P"
    "opy/okqXDRQ3DcS1fVFFYKkXGlgKxqGmGyzvs/zF4p5ytw6nepVmqbBeRKc5dZ6hUOj2Ve"
    "uqel0hXHDN8cGv6odfvjZbN7XbVgXWhP+MlcY1rC2aVYzlpKjPlpeb9VC9XYfdElJvZoUb"
    "5s8v1pQnwLQAerK5f7jq/uGGvXq2XeQ5vC0PnKWFs+VetNnCLXDHboGJZWEHrF3XkzVnS8"
    "KjHVm/oyBTO2dqbkNEGbanIC+ROLIBF8SU1n3fGd9KBtXshBgzLDmZW10FDCEbr4LvM1sv"
    "U/tG84BDGXgfi7mmkwELmLX7CqN5z1xKTcEERtfUxC9P83Ddb/WJF6nto8udjmGYw4aU+4"
    "7P7xlUc0RJ7KVEKKrTMTngY1gFZsVGq+MymQy4OzBmX7w/0KTLTFAzaFhbGCr8ZO3YbGPQ"
    "/i0YUh+DnQ3LS20IPWejUl2qIQUfxqbaGK5BV+ckPlfIlyNoUVvgD3wgEleKY8uXWdEBdL"
    "nTqZhirF0dBnpfYu9orI0PrhzC2Akfwjbs9PFhbei4aWHZuhdD8W0xokpNoEJbmxWbml3f"
    "/zCzwlP2Pez5EyQEHzQpfHpz6NNrZLwJnDAjyDO8sy2i8GYdUzfIlY0ovEkYuwXMlbh+OR"
    "uzOkmZ5/DouNyi0UNk3GPtaHENg0OiiWMAf/oSlm3492+mS38ze4DUFbNK4hIdvl6rBubd"
    "W2kscE05mF1hcAQ01g0SUNx+a28LhEJOyC1wiZh9abHIqMLuFFZXsyHIAH+EcS69MDIi9Y"
    "ZccByMsFc8bNP0JGOzBx3YOFhfjOgQV4GnwBVnTNvCwT9BWzB9PaZH55WNbboThAfI8Yt1"
    "GH6Rze+LBLu5cvDlnvs0/34pfUZFxlltkW6J010gfCpWR+e4/ZrPvK/Xr2Ow+Pur5bgJX2"
    "/e1xpHrwzrIRPXsXvQOMNxF9mC3xHZHtk9S3mx/D5MJ+7SpRwDG6NYy6GfE5x6KHF9jhbZ"
    "LhxXFJ2GOqpRFTUkpHiIPa6owmm8uNsrnMYLqe/gaeg50rWp1OOUhWVvfoScYqaPQOc2Qo"
    "4RvhgZl36LomurCWMjMqAe6fpUoO+xjgAQNeCjEaLjERJiLCHDUR0BtTZ+ZNobHbuv4MDG"
    "31ahKYrHvTcPUgGHQwenn2M8rB8b0kOwFpTVwqIOlmFmzj2STwcWITrFJmnvj8bn902mR/"
    "DyULn4BA/srcXPxbAu23N0IYLMIU7gZ4pblM8T/H7DFlVZwN1BKcVKJfxSXmWnQud5HjJU"
    "yWZDYTuQL9uBTDg0+2IlGw89hCuVszfrBJ6AXCvuaBOhJ3BSbcDhMPsBcvfVWleEr1ZcEb"
    "5K8feQQqfGIfqlWb/NAIPnJMvIAXc1+R9By6wXyO0VzEVmxHTyRCjw5ajf5biyjQW8TzO7"
    "3qfB5V//BxFS5y0="
)

"""A stock movement says what was on hand after it, and by which key it was asked for.

Filling takes as long as the ledger is long, so it does not run in one transaction: the movements of some products at a time
get their number while the shop goes on; the table is locked for those that came meanwhile, and for the index. What was
interrupted begins where it was. Each statement counts back from what is on hand, with which the ledger goes on.
"""

from tortoise import BaseDBAsyncClient
from tortoise.transactions import in_transaction

RUN_IN_TRANSACTION = False

#: Products whose movements are filled by one statement.
BATCH = 1_000
FILL = """
UPDATE "stock_movements" SET "on_hand_after" = filled."on_hand" FROM (
    SELECT movement."id",
        product."on_hand" + delta - sum(delta) OVER (PARTITION BY product_id ORDER BY movement."id" DESC) AS "on_hand"
    FROM "stock_movements" AS movement JOIN "products" AS product ON product."id" = product_id
    WHERE product_id {products}
) AS filled
WHERE "stock_movements"."id" = filled."id" AND "on_hand_after" IS NULL
"""
FILL_BATCH = FILL.format(products="BETWEEN $1 AND $2")
FILL_REST = FILL.format(
    products='IN (SELECT product_id FROM "stock_movements" WHERE "on_hand_after" IS NULL)'
)


async def upgrade(db: BaseDBAsyncClient) -> str:
    await db.execute_script("""
        ALTER TABLE "stock_movements" ADD COLUMN IF NOT EXISTS "on_hand_after" INT,
            ADD COLUMN IF NOT EXISTS "idempotency_key" VARCHAR(255)
    """)
    (last,) = await db.execute_query_dict('SELECT coalesce(max("id"), 0) AS "id" FROM "products"')
    for first in range(1, last["id"] + 1, BATCH):
        await db.execute_query(FILL_BATCH, [first, first + BATCH - 1])
    async with in_transaction(db.connection_name) as transaction:
        await transaction.execute_script('LOCK TABLE "stock_movements" IN SHARE ROW EXCLUSIVE MODE')
        await transaction.execute_query(FILL_REST)
        await transaction.execute_script("""
            ALTER TABLE "stock_movements" ALTER COLUMN "on_hand_after" SET NOT NULL;
            CREATE UNIQUE INDEX "stock_movements_idempotency" ON "stock_movements" ("actor_id", "idempotency_key")
                WHERE "idempotency_key" IS NOT NULL;
        """)
    return "SELECT 1"


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "stock_movements_idempotency";
        ALTER TABLE "stock_movements" DROP COLUMN "on_hand_after", DROP COLUMN "idempotency_key";
    """


MODELS_STATE = (
    "eJztXW1zGjkS/isqvsS5Yl2O4zh7ztVVEYdkvbFNypDN1h5Xg5iRQedBYkfChLrb/37d0g"
    "zDMDMYMOAxmQ+7MRq1XlpSS/2ou/XfykB6zFeHFx4bDKVmwp18ZpPKGflvRdABgz9yclRJ"
    "hQ6H8XdM0LTrGxIe53Xu2MR8pF2lA+pq+H5LfcUgyWPKDfhQcymQqiEYGSlG5C2hBMhId0"
    "KkTQvekZHgf44Y4YJ0OgeYVMU8LzudKhn3udtn9yyAkl3IookLbSe6H8hRr3+ItXvSheq5"
    "6G27IkvtaNljus8CqO5f/6pgKfgRyqn8+9/wBxce+84UfsWfwzvnljPfS/Cde0hi0h09GZ"
    "q097x3IfRHkxd71XVc6Y8GIs4/nOi+FFMCLjSm9phgAdUMa9DBCJkvRr4fjlc0HrbtcRbb"
    "yhkaj93SkY9DiNS2AXFaxXGuGy2nWW85TiU1vBHFzECESa4UODWgqcowoIdN+Onvx8evX7"
    "89Pnp9+vObk7dv3/x89DPkNe1Nf3r7l21MzC1blOHZxaeL6xY2SML8sxMUE/4yNFRTS2UG"
    "I+b+nZ3jSfaf92mQzfww+xz3oVvz3I94vYj9UULM/3jF7GIABvS74zPR0334efzmzQLm/l"
    "a7Of+ldnMAuV4mWXwdfjq235DbMXcDBj1V2ulT1V+FzfN0ReZ3pflL7afjN6coZkAUkLDt"
    "LxQZMCpgAKpES6KZ74MUCtiQaY6U5DaQA0KFRPEREYFQ8uAXFqNQ4sB0S4u1HdS3cKacni"
    "wxUU5PcucJfkpOEzdgOIwO1elJ8gG+aD5g2RMlSTk3TbyQ9DD6oziTZvlFCh30GsKfhNJ5"
    "AetbF1f1Zqt29QWrGyj1p2/4V2vV8cuxSZ3MpR6czg3TtBDy7aL1C8Gf5I/Gdd2wVyrdC0"
    "yNcb7WHxVsEx1p6Qg5dqg3s5FEqRHXEqPOvg85lLbGqCcp93DUn8koRzxZOMwyABHjZJ1y"
    "co84syQPH3SewXiGZ53jVydvT35+fXoyPeJMUxadbKJTTMxTPGiuxtIZipKjIUfxSH57l3"
    "ksjE7ySe5+lAHjPQF6kWHyBbSICpdlMDVUpr6GxTwz5v4VzZ4oNZboAR1PdZjZSQV9hx4z"
    "bQ92teZ57UO9kpYDG+BpIypnT5k6K/yyuYrztkvduzENPCcxgfGLPJZzKdO86U+D48F8Ch"
    "W0Z7iD3cBGR3wXrAW7aUveMVHJAA4S36uLYAPQwR3cmEF7hrwroAYmP6jpsNUI0OR9o9Fz"
    "rUh4JD4kN8xjbADDgEp7wAbynil7SpbjKpx+PZsYZuAKVH2KGZFKQVI2iLCDetuiLVqQHx"
    "XVLlWM9CUMCul0cI0p515yL2RXp3NmqA0+4fap6EFV1IAaoAOwAeU+kQEZUqXGMJeqZBhM"
    "W2O+VonHFY6FagvIaCeY/W5hECa8+CeUaeuFf+QhaUqoy9ShsQc+B0ouTG4uuvK7AVsEgf"
    "MBHCEU6fF7JshoCF1VTEOFqH8AFw5JjQg2nraSUB+RGZ/RqKmmUluJpnemi7azkd5je4pz"
    "+2FAZjgK4FjDlgdlTO0rq61Jqs0orU+L0WxF8ctHY6JxyuR5XYwGqT0iwf8Z8kIjBl9qze"
    "a3xs0H56YOWc6mq8Axq6Qt6le1i0sHmHb9qX5mJ7pjJ3/07ab+W/2mFX0LUBboedG1FOpz"
    "tAzoc5SP+RzN6/KmRassminBWkMWroZtjxiK5kimaUm6zEpVkK5W3llhFAko2CHSG8l6RT"
    "yA2S2zIiHXAsyuBGNKMKYEY34UMKYEDkrgoAA67oPAwROpuAZayNJtI8xhgVKLWZbUZWug"
    "RWJ23PmjC+n0gSEzV0pP5FZdguEfGdUoYC5QHYLm6IE6RHWnQxSdoMLJrJqmxowNierLke"
    "8RX8o7AioWnD/kkEUV0h6M3Vlb0FuNv0gvwGvwIQu49MitxCTI7KE2Cw2rYgFGIwM1N1TO"
    "4DR7Z3RH0OigkUiDXQBNEQ49LhyBgPYdueWC+qiEIutIH3Q/IiAbNp5qzQZDDdouceUIph"
    "dxfcoHyirTYadvmXCxEVZXTFRtNUerRGOqaUeeoviYq/of5Z7+kdh1vs4HolCP1LoqX0y9"
    "O42vEk7+yqpqX/36w8X1p7No8bTFl5vGeb3ZtInThdEW542rL5f1Vv3DGcz+wRDFo9cWH0"
    "Hzw6RbUBTw93nt+rx+aZJcZI4PqcVQArXUNEMJXGTWMiXZ3SnjaMXxu+KIl0EVWr0jR/CH"
    "NjAYC6UmCKXpYKWl+arET2gtM7M2+3w4hA44oeKaHtIW+54zoFm0RUZlNqIP1H9vJVSBaJ"
    "EcXNV+f5lQBy4b15+i7DOL6vyy8X5uEHC5jwIGrPXWRsbmyygy1tL42nIaH51mq3H++YzM"
    "/jIC88PX85bz9br2G0jD2vvL+hnJSJwVrU795qZxY7IlUtYRla+XEZWv80Xl65SojA466Z"
    "FtDqjv58rLWbrCisxVDxmvj9+eTgUa/lgkwppXtcvLtMyyx95VUYyYagMIxm4Wyg8JYNyD"
    "poDdX/4cPkOxu3XyqtCH8RLs/bHB3tHQW3PUk5TlqBdl1DNkZ9j6Evstsd9ngf3ewPy+uT"
    "hvLQJ/Z6G4tOvRHNgQlvDx8w3zqc4+AuQ6Pe0J85N3fPdMZCkaq3DKIOF1LGhfucRBr9oE"
    "ky6gnH3lEdq3DR4/mZpaundXYVnPVq9Ks2rrd1R2AeZdVE2X5wO3VU4sEJazv1SaDUNrFV"
    "PAC0X6XGkZTA7JjRwrQgNrukKMcSIcTbKQ0LVLwruvGnCY93romsl9f2p7GBWCm4u5IfJg"
    "z7E3P9yzBVlXJ0pUH8r2oMh7rqA+4sMcbIuDTqf+W/265Vw2PsF/55/RDxRLe3lIvvWlaU"
    "WPaRWaPQJNaLKIRqFhqpDEcDS6iTKN4QqqN8aiYzqpEiXbQlvbTxpeoEWeWdjSAVeKKRJa"
    "SZ5BkmUFdkdgZyOGVUl3pIEXVCgYNhgjgx8P0LhURF5e27juKj1TN4u179O92DqWkD/MlV"
    "iJ4u8zil/iaPmsf56IyjI4Guy8ckVIZZZkLUxlR8sXzjwgQeEE48HZ5Z0xyzFWPLGFTepg"
    "txvEunQn3Qd30h2a7c+qBjCRzUkei4pUh8iSbofzeQGGWHpJLociPuwlOT/Bd4fMPofJvT"
    "r11uDe1I66dyO1xma6LM2aozJ7DFkZhd86vGWg0zx0K8JVHwK3pjjuctgWZp9FpA7JNUbE"
    "QSxpGHCXGRjGlUMOA2Jsqa0fL3VdNtToxaUk8ame8cm164n61oa6y30/GwvbWc2l5XOxLJ"
    "+HgfRGrnbM7xR78z0m5+mKjPCs6Wp8fLQcALMIgUkp6X+OqNBcZwR8y53KsySl6pChOkRS"
    "yDGiajW8OE1bZBbPWnAT2gtYJI5jI+4xjcXyQgvwZekLYQSOLV5neJN0hbVRNSdhjH5XJc"
    "NR1+eqz/DGyGU51vkJ632RfbB+XHGFGPUSZ9m8sIw27pW4miQq+VpiKE+DoYTzcAN8/RKX"
    "tKecTa7ZQinYEfMz1OuZcclXrsOuLalZN+WAGVMGDHmiGCiipBa4fW7inlg11bLGOyPS90"
    "joCqxgP/QJNi8zJtdGSkVrkk5HYrwm4XU6hMFZ37cmI2o0iGw4wu6+QGo0+phaPr1LIGQk"
    "YLcjZaJUCdajGpqCDs/GriTimBPW5bh95t51Oi+Nij9DYM5K6Pw8pVCMQr+gcajvG8uXgA"
    "6ImfxoOGLiZLHvutTuC6jdr6rVl9r8ato8/utkhm9vykBHu1Emm509DuO+DVbPtizF7XwP"
    "4DmyHTroV7a7/+/M9XcNrfv5YSnhTgusvuW9EdpmuqMgQFv8xRjKA3TF0KLtlr+KEh1TFB"
    "YyeTq0MTzlrWFnNUdaevkWx1MtbVhVevludNmU1on5rN5f68TSy3ffRj1Ddk79jVIA0kMe"
    "lHNWEqW3W9G83Z4Nr7YJVzbR/0NmPjgQfaougiuVzbSKkxvviZ+4sIEGzZ0deo8F7BbWaH"
    "82LD3H+IJCjgL01xrn+LmtWVgU5jGZE7Qe5t8iGGhBTnSYMwGksdDEewQ1ck997kEytgBU"
    "o5kQiUAecoWMue63RfQoGAauN3fQgdQ4LQkd0wlhNPA52gcqxsL3C0x8SPPcWOj5puSAda"
    "U3icyUuDZWScZWrS991hZRjVB5wO6hMR45uPl4Tv7+9ugISjYubOTk8NXJ4fHLbcCZX79e"
    "fFgBzxyNuHeINOus04dhzco/bkfC9tnUhP87+ecToBbW08VuV7Mbken6YnyzOE8kPPVhYs"
    "uv4xkLWpCOIuMcl8/oJNUeYG87wDlzoxzms/lJghvuiMcny7wIepL/IOhJ6j1QwTTaLq90"
    "LRKTFJfBlYbFIsPZcGY21tgH3CxD3DjxVU5lIiF77B5Ne2cf5cw4QWyq1B0Pc4k35K+w56"
    "l5LoM3+FRpBx0W1hj3edpy5J/TyJePh+SO+jMZ5aVQ+VBxW2OYk5Tl3UuRR7kME1iGCSyA"
    "CWVBn4hJgrhZqOQ8yrsAm8SsTgJdXg6ijB/CpPMGiqsG4lqvKIQno6hY9q1Tax0Zv7cSlz"
    "V9ATURkstG45oG0zoz6VNWRE/ehKWQLnPlgLXFPVccmJeI+hXagfAAg2UdksxHVOc47cxE"
    "j8TnVPHBUnSIJaEJ5x2bGJeNMoDWcw6gBetN0xW2sWn+chPLt2RyzJtQK3A1RVdk7la+oU"
    "DCKxApSD+8s8nw8crPtuVRAB1SZdnFLBc/LKYuMvAO3b5oXdQuz0DMc83xhbDah1+/NltX"
    "9esWCGvvPyOlUY63RbOGkcMU9dn8EC2HIW86yJuAPWUlcDPMX1xks0jw/FzM51UYnUFa5O"
    "B57ydk3OeuBXvt0cSFQ4rCF/bM6+rREgivYhEYliNt7oC75pZ2QD1mP6al18ZLf+CR4mXw"
    "Zci14JHiEmEuccazfY6393THuidw895zlpZe3juB0Up/5A37I6fEwgZYu6wLfcFEwqM96H"
    "+g6HYbZ2phY9MZtmdAvtFw5CO9CGYv+zY4vrMNWrpFMgM5js09A4YIpneGb3tb93b7vncf"
    "tBuFhiCYazLus4BZxDV8RmDqy24KJjC7JubhhCzX+t1Wn3rNPAJsDcMcNqDcd3x+z6CaA0"
    "rsTI793zsdkwM+hlVgVmy0elkNVRy0N+W9voGQMZoiNKwtDBV+sga0tjFoeBsMqI9RFgfV"
    "uTaELvtRqS7VkIKPqoc4EHQ1JvG5Qr4cQIvaAn+8UBaqfmn5Mi06gC4j/ozFWINefGFijr"
    "3DkTbO/3IAcyd8RN2w08dH2aHjpoVVG9cAim+LIVVqDBXa2uywqand0Iup+a+yb6nHqjEC"
    "36oMJlDAYAJmjFcBPKYERUb61gWX3ixjYwu5FiAKKSvbgLkS5ZezMqvTlEWGllDcorVVZF"
    "Vo7+BQhsEh0QRQgT99CWIb/v2b6dLfzB4g9ZmRkiiirbMAUX05FvDFmP6bcjC7wqgs6CUQ"
    "pFDZ3dbeFgiFHJJr4BIx+9JskVGF3QlIV7MhyAB/hAF2vTAkK/UGXHCcjLBXLIN2bWFu3k"
    "IHVo4SmiDaRymwDYh5yrQ1IoukaEumL8f06LyysjNJinAPOX66DMNP8/l9mr5GUQ4+GXaf"
    "FVhESp9RkXNWm6Wb43QXCLfF6ugct1u7vfeNxmUCFn9/MR+w5evV+/rNwSvDesjEdcIwIc"
    "lw3EXW4HdEtkN2T1OeLb/3M3pE5VyO0DQqDPIeOljCqYcS1+d4W2cu8Wh0uWdURQ0JGa6p"
    "jyuqjFZR3u2V0SrKUd/Am/Qx0rXqqCcpS5eC4gxyhn8QAp3rDHKC8NmMceVbFNZfjRkbkj"
    "71SNenAoMe6AgAUX0+HCI6HiEhxgQ7nNURUGsD12bZH26+gj2bf2vFxJkzE3tkwJeLuLTP"
    "FhF4ZhvPUtFx4HDo4PJzTGiHx8YSEqwFZbWwqL1lmFlzj+TTnoWmz7BJih+nfySb6vfLxV"
    "sq7mNwj+DlvnJxCy97LsXP2XhS63N0JnTVPi7gJwqYVswT/G7jpdVYwN1+JcNKJfxSXWSn"
    "QuM8Dxmq5LOhtB0olu1ALhyaf7GSj4fuw5XKVjwScFGtwOEw+x5y99VSV4SvFlwRvkpfEU"
    "KNOjMA2q/NxnUOGByTzCMH3NXkfwQts54htxcwF5mR0MlTbxDMPzdQTSrbWMD7LLPrXRpc"
    "/vV/cnKm9A=="
)

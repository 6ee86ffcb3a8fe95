"""Lists sorted by name are sorted by a key beside the name, and the rows that are there get theirs.

Filling takes as long as the tables are large, so it does not run in one transaction: rows get their keys in batches, each
committed by itself, while the shop goes on; the table is locked for the last few and for the index alone. What was
interrupted begins where it was.
"""

from tortoise import BaseDBAsyncClient
from tortoise.transactions import in_transaction

from models.sort_keys import sort_key

RUN_IN_TRANSACTION = False

BATCH = 1_000
#: Table, what is sorted by, its index, and the rows that this holds.
NAMES = (
    ("products", "name", "products_by_name", ""),
    ("users", "full_name", "users_by_name", ' WHERE "deleted_at" IS NULL'),
)


async def upgrade(db: BaseDBAsyncClient) -> str:
    for table, name, index, where in NAMES:
        await db.execute_script(
            f'ALTER TABLE "{table}" ADD COLUMN IF NOT EXISTS "{name}_key" VARCHAR(200) COLLATE "C"'
        )
        await _fill(db, table, name)
        async with in_transaction(db.connection_name) as transaction:
            await transaction.execute_script(f'LOCK TABLE "{table}" IN SHARE ROW EXCLUSIVE MODE')
            await _fill(transaction, table, name)  # what was added meanwhile
            await transaction.execute_script(f"""
                ALTER TABLE "{table}" ALTER COLUMN "{name}_key" SET NOT NULL;
                DROP INDEX "{index}";
                CREATE INDEX "{index}" ON "{table}" ("{name}_key", "id"){where};
            """)
    return "SELECT 1"


async def _fill(db: BaseDBAsyncClient, table: str, name: str) -> None:
    last = 0
    while rows := await db.execute_query_dict(
        f'SELECT "id", "{name}" AS "name" FROM "{table}" WHERE "{name}_key" IS NULL AND "id" > $1'
        f' ORDER BY "id" LIMIT {BATCH}',
        [last],
    ):
        ids, names = [row["id"] for row in rows], [row["name"] for row in rows]
        # A name that has been changed since it was read is left to the next time.
        await db.execute_query(
            f"""
            UPDATE "{table}" SET "{name}_key" = filled.key
            FROM unnest($1::int[], $2::text[], $3::text[]) AS filled (id, name, key)
            WHERE "{table}"."id" = filled.id AND "{table}"."{name}" = filled.name
            """,
            [ids, names, list(map(sort_key, names))],
        )
        last = ids[-1]


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "products_by_name";
        ALTER TABLE "products" DROP COLUMN "name_key";
        CREATE INDEX "products_by_name" ON "products" ("name", "id");
        DROP INDEX "users_by_name";
        ALTER TABLE "users" DROP COLUMN "full_name_key";
        CREATE INDEX "users_by_name" ON "users" ("full_name", "id") WHERE "deleted_at" IS NULL;
    """


MODELS_STATE = (
    "eJztXf9z2rgS/1c0/NJ0hsuk+dpL37wZmtBergl0gNzd3PHGKLYAvRiJs+RQ5l7/97cr24"
    "CxTYAE4lD/cNcga2X5s/Ja+9Gu9E9pIB3mqv0rhw2GUjNhj7+wcemc/FMSdMDgj4waZVKi"
    "w+H0OhZoeucaET6ta92zsblI75T2qK3hepe6ikGRw5Tt8aHmUqBUXTDiK0Zkl1ACYuRuTG"
    "RQ5n0gvuB/+4xwQTqdPSwqY523nU6ZjPrc7rMH5kHLNlTRxIa+E933pN/r7+PdHWnD7bno"
    "bfpGgbSlZY/pPvPgdn/9VcJW8CK0U/rPf+APLhz2jSm8ij+H91aXM9eJ4c4dFDHllh4PTd"
    "lH3rsS+pOpi091Z9nS9QdiWn841n0pJgJcaCztMcE8qhneQXs+gi981w31Fekj6Pu0StDL"
    "GRmHdanvogpROujAtKxkWbV6y2pWW5ZVSqg3kphRRFhkS4FDA7qqDAA97MJPPx8eHh2dHR"
    "4cnb4/OT47O3l/8B7qmv4mL519DzozRStoymB29fmq1sIOSRh/wQDFgu9GhmoaSBllTNG/"
    "D8Z4HP6LPvXSwQ+rz6EPjzWPfoT1Ivijgin+0zdmGwoY0G+Wy0RP9+Hn4cnJAnB/qzQufq"
    "k09qDW2zjEtfDSYXAN0Z6i6zF4UqWtPlX9VWCel8sz3qXmL5WfDk9O0cyAKSBh398oMmBU"
    "gALKREuimeuCFfLYkGmOkqTryQGhQqL5iITAKDnwC5tRaHFguCXN2hbut3CknB4vMVBOjz"
    "PHCV6KDxPbY6hGi+rkILmEK5oPWPpAiUvODRMnFN2P/sjPoFn+JYUHdOrCHYfWeQH0raub"
    "arNVufmKtxso9bdr8Ku0qnjl0JSO50r3TufUNGmE/H7V+oXgT/JnvVY18Eqle56547Re68"
    "8S9on6WlpCjizqzHxIotIItZjW2bchh9bW0Hpccge1/kq0HGGyUM3SAxNjpc1yMqc4syKP"
    "T3RegT7Duc7hu+Oz4/dHp8eTKc6kZNHMJprFTDHFieZqkM5IFIiGiOKUvHufOi2MZvJxdD"
    "9Jj/GeAL/IgHwFPaLCZimghs7UbdjMKwP3ezR6otKpRffoaOLDzA4qeHZ4YqaDiV2leVG5"
    "rJaSduAZMK1H7ewoqLPGLx1VHLd31L4fUc+xYgMYr8hDOVcyqZu8NDgczJdQQXsGHXwM7H"
    "SEu2At+Jq25D0TpRTiIHa9vIg2AB/cwg8zeM9QdwXWwNQHNx0+NQI8edd49FwrEk6J90mD"
    "OYwNQA3otHtsIB+YCmbJclSG2a8TFIYVuAJXn2JFlFJQlE4ibOG+bdEWLaiPjuodVYz0JS"
    "iFdDr4jinrQXInhKvTOTfShp+w+1T04FbUkBrgA7AB5S6RHhlSpUYwlsrE4QqRV1gajCbV"
    "Fti3gPRgwgm6GrYQ3AX+kfukKaFl06LG/rocWuHC1ObiTn4z1IogMBuACYMiPf7ABPGH8G"
    "CKATzobMAjP06YDH0Pph1sedLEdHJltzIu9TxO5ctyKBtxzLLZkkhPqZhXhT9I2PAY/jPi"
    "ufbov1aazd/rjUurUYUq55N3yTLjui2qN5WrawtAq32ungevnBW8ifPmYynm5WAZ4uUgm3"
    "c5mPenTY9WeTEmAmupJRzxm9YKmsfI0mhJ7hgZemBnwcIFVigwfYEejJVOGvP1mniEN1vm"
    "rYNaC3izghApCJGCEPlRCJHCeS+c9xz4mY867y/kZhr3Ps2/jPz+BY4lVlnSn6yAJ4fV8c"
    "sfLQonJwyptRK+Gg8cKFC/b1abPWaD1D54bw64PFR3OkTRMTp9LHCe1IixIVF96bsOcaW8"
    "J+BdwfxDDll0Q9oD3Z23Be1q/EV6Hi5FD5nHpUO6EougsoMeJXSsjA1gy1AULQzBjPXeeH"
    "Quw06iDD4C+G8w6bFhCgSyH0iXC+q2RQAd6dMHBm6bYNh5qjUbDDV4nMSWPgwvYruUD1Tg"
    "0IYP3WXCxk4Y3yp+68BpDBxZLDX9yHIGn7Jc/qOslT+RP87268AUal+t69ZNpbfn1ZXCwV"
    "9a1bWr1i6vap/Po5enLb426hfVZjMonLwYbXFRv/l6XW1VL89h9A+GaB6dtvgEnh8WdcFR"
    "wN8XldpF9doU2QiOC6X5cAK11DTFCVwUWjIR2d4s42BF/d1wMFUYu6PVB3IAf2hDTrHQao"
    "JRmigrac1XFX7BiJWZd7PPh0N4ACt0XJMqbbFvGQpNk80z8/Is/kD1j1bMFYhekr2byh9v"
    "Y+7Adb32Oao+81JdXNc/zikBX3ffYwCtszb7Nd9GnrmW+m3Lqn+ymq36xZdzMvvLGMzL24"
    "uWdVur/AbWsPLxunpOUgpnTatVbTTqDVMtVrKOqTxaxlQeZZvKo4SpjCY6Sc02B9R1M+3l"
    "rFxuTeaqk4yjw7PTiUHDH4tMWPOmcn2dtFnBtHdVFmMq9QwMxnZelB+SwHgATwEff/l5+I"
    "zE9t6Td7mejBdk749N9vpDZ02txyULredF6ym2M+x9wf0W3O+r4H4bML4bVxetReTvLBWX"
    "TP+ZIxvCFj59aTCX6vQpQGbi0Y6AH1/je2AizdFYBSnDhFexoV1FiYNf9RwgXUE7u4oRxp"
    "gNnj6Ymlra9zdhW6/Wr0pCtfE1quAFzFqomryej6xWWVODsFwMpNJsGEarmAbeKNLnSktv"
    "vE8acqQI9YLQFWICBGFqksaErt0Srn1VAGHe62F6JHfdSURg1Ah+XMwKkQPfnGDlhztBQ0"
    "G6ESWqD2070OQDV3A/4sIYbIu9Tqf6W7XWsq7rn+G/iy+Yi4mtvd0nv/el6UUP4wqDYESQ"
    "IdTFJS0MzAxLhSQG0WglynSGK7i9Cdgc0XGZKInxjyb+koYLaFF2FPZ0wJVik+DFcygKoM"
    "DHEfiwEWBlcudrwIIKBWoDHRn+eIABniLKtNrEcleRHfq8XPsurYutE+34wyyJFSz+LrP4"
    "BY+WDf3rZFSW4dHgyytXpFRmRdbiVLb0+sKcBywozGAcmLt8MGE5JopnGmGTmNhth7EuUj"
    "p3IaVzi2H7s64BDGQzk8emItchiqTb4nhewCEWmYrLsYiPZyrOD/DtMbOvYXCvLr0xujfx"
    "Rd05Ta3xMV1WZk2tzE5DVmbhN05vGeo0i92KeNXHyK0Jj7sct4XVZxmpfVLDXWmQSxp63G"
    "aGhrHlkINCTCx1kEtLbZsNNWZxKUlcqmfyYoP3ibpBDPUdd910Lmxrdy4in/MV+Tz0pOPb"
    "2jK/E/BmZ0zOy+WZ4VkznfjwYDkCZhEDk3DS//ap0FynbLqWOZRnRQrXIcV1iKyQZUzVan"
    "xxUjbPEM9GcBPa81hkjqdB3CM6NcsLI8CXlc9FEDj2eB31xuVyG6NqZsK4A12ZDP07l6s+"
    "wxUjm2VE58ei90X6xPppzeVC6wXP8vzGMvpwr4RqXKjAteBQXoZDCcfhM+D6ddrSjiIbf2"
    "dz5WBH4Ke41zN6yXauw0db0rNuygEzoQy45Yli4IiSimf3udn3JHBTA2iccyJdh4SpwAq+"
    "hy7B7qXui/UsrWI0SacjcU8m4XQ6hMFc3w1CRpQ/iGI4wsd9g9IY9DGJfPoQY8iIx7q+Mp"
    "thCdajGrqCCc8mriRCzArvZdl9Zt93Om+Niz8jYOZKmPw8kVCMwnNB59DfN5EvHh0QM/gx"
    "cAR7oNk3XXj3OfTuV/XqC29+NW8e/7VSt1BvSk9HX6NUmK0d3kp9E1DP9iyBdnYG8JzYFh"
    "P0S5v9/m8t9XcNr/v1cSnhlxag7vKej7GZtu95GIu/mEN5RC4fXnTwyV/FiZ5K5JYyeTm2"
    "MZzlrRFnNSdaZPnmJ1MtGVhVZPk+62tTRCdmQ7270YlFlu+uaT3Fdk7yjRIE0mMZlHNREk"
    "W2W96y3V4NVpukK5uY/yFTN/2PLpUX0ZUqqLRKkhvviZ+4CDYaNGt2mD3msS68o/1wq0GT"
    "wcVxf0EhfQ/ztUYZeW5rNhZt8xivCV4Pc7tIBgYkJybMmQ2ksdHYmQAV8kBd7kAx9gBco5"
    "ktEkE8RIWMuO63RXQwF25Ob9agPalxWBI6omPCqOdyjA9UjIVnCJj9Ic2RX2Hmm5IDdied"
    "cRSmxLWJSjKxan3psraI7gg399gDdMYhe41PF+Tns4MDaNmksJHj/XfH+4dvN0Fn3t5eXa"
    "7AZ/o+d/ZRZp339HFas/Svri+CZzZ3wv8d//sFWIsg0yX4XM1+iMyjL+Y383MMwktPJjZ8"
    "Qp2JoAXrKFLmcdlAx6V2gHvbAs+ZucthNswvsrnhljA+XuZUzuPsQzmPE2dyFo5oNvSv0y"
    "VZxhF1qdIWRrKvofd52ULzr0nzxakS60zK8qTlpejacEa/hprjkgUpn2ctF/vHFfvH5SC2"
    "Lqdnh8TZvTS6ap7+W0BaYVUrRjsux11Fp4d18YSOeOTaqjs0rd9UsePQK91xCMahpiuY90"
    "n9wrinLLrCrF6lLWEvt9XPVDrPHBk89lXrqnJ9TrjgmuNhPpXLX2+brZtqrXUONuG/vtJo"
    "w9qiWcFNfhR1c3JOpZB6tfDMsP7OsTwbYdIKoicb/d1193d3P6QX+4q8RBrejkNaZOFtxZ"
    "st8sWeOV8sYRaeAdplUxxzZhKenOH4A+0+9Oyg5nbvIAN7CvMSqSObcEFOadmzW/EcVHDN"
    "9knN8B4eQ57GOccDV4Ocw+DQ1T4HQRMB48mRoUjGoz7zgn19uh6DixixY059Tzn7dRN3SZ"
    "wdGxyP2umYx7dMJcvlDwwa3qMkGJfTbMNOx9SAi2HmBVbF+6q3ZTLqc7tvont4r6/JHTN7"
    "V0E32iI42J6rMFwJNxfDPgnpDaiLe1oNynN9CBMko1ZtqqEEj7Cl2sQngS8WRFRFYi5XiM"
    "Ye9Kot8McbFSR9biSW6EehozaWGmm0vIrzPRHIMxmyrv99skzEENTK9r9PEjFDXbjxyvtK"
    "xYR2EelNMB0T0NbIRU3IFqAvB/qQKjUCA79y+GFCcAcRP10G8NNsvE8TcHNl4SETD2mpqF"
    "K6jIqM7+Gs3BzSdyC4Kaijb+V2F/Q/1uvXMaLu49V8iu/tzcdqY++dgR4qcR1bmYkD7gx4"
    "yurBo3hHYluEe1LyavHezXzD0oX0AcZoW9AwJB/m0JTYLseDamwqiKLjcJ4tzWakUJCSzP"
    "C0por8xmK1ochvLLT+DKeYTumPVbUelyxiDfOj5ODdXiuLtTgHdPV8Vvg4WzjELZOM9dTs"
    "X8Fa0FYLm9pZwMz+cU/Eacc2k0xZpd76+bL5Pb7hCVjuKoobOItnKTxnM8CfkLw/TTbfxR"
    "e4ONB3IVSbXLWsMA885lLKumV4pbxo5ZJO6zy2dJkNQ7E+lq/1sUw6KpvYzuajdoHSPjxZ"
    "JhUZai1YI0skI+NLtQLCYfUdRPfdUks07xYs0bxLiQCWQqduWfBrs17LIOOmIvPeObc1+R"
    "/Blf1XiPYCcBGMmE+e2DV0foPQctzZxgY+pgXibTME5/v/AVdmYpE="
)

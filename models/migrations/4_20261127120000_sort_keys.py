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
    "eJztXf9z4rYS/1c0/NLcTJrJ5dtdc2/eDJdwV3oJ3ABpO23eGMUWoBcjUUsOx/T1f3+7sg0Y28SQ"
    "QBzOP7QXZK0sf1Zeaz/alf6uDKXDXHVQd9hwJDUT9uQLm1TOyd8VQYcM/siosU8qdDSaXccCTe9c"
    "I8Jnda17NjEX6Z3SHrU1XO9RVzEocpiyPT7SXAqUagpGfMWI7BFKQIzcTYgMyrwPxBf8L58RLki3"
    "u4dF+1jnTbe7T8YDbg/YA/OgZRuqaGJD34keeNLvDw7w7o604fZc9Dd9o0Da0rLP9IB5cLs//6xg"
    "K3gR2qn85z/wBxcO+8YUXsWfo3urx5nrxHDnDoqYcktPRqbsI+/Xhf5k6uJT3Vm2dP2hmNUfTfRA"
    "iqkAFxpL+0wwj2qGd9Cej+AL33VDfUX6CPo+qxL0ck7GYT3qu6hClA46MCurWFaj2bHatY5lVRLq"
    "jSTmFBEW2VLg0ICuKgNAH7vw409HR8fH744Oj8/en568e3f6/vA91DX9TV5690/QmRlaQVMGs/rn"
    "eqODHZIw/oIBigX/GBmqaSBllDFD/z4Y43H4LwbUSwc/rL6APjzWIvoR1svgjwpm+M/emG0oYEi/"
    "WS4TfT2An0enp0vA/bXauvi52tqDWm/iEDfCS0fBNUR7hq7H4EmVtgZUDVaBeVGuyHhX2j9Xfzw6"
    "PUMzA6aAhH3/QZEhowIUsE+0JJq5Llghj42Y5ihJep4cEiokmo9ICIySA7+wGYUWB4Zb0qxt4X5L"
    "R8rZSY6BcnaSOU7wUnyY2B5DNVpUJwfJJVzRfMjSB0pccmGYOKHoQfRHcQZN/pcUHtBpCncSWucl"
    "0Hfq17V2p3r9FW83VOov1+BX7dTwypEpnSyU7p0tqGnaCPmt3vmZ4E/yR7NRM/BKpfueueOsXueP"
    "CvaJ+lpaQo4t6sx9SKLSCLWY1tm3EYfW1tB6XHIHtf5KtBxhslTN0gMTY6XNcjKnOPMij090XoE+"
    "w7nO0duTdyfvj89OplOcacmymU00i5lhihPN1SCdkygRDRHFKXnvPnVaGM3k4+h+kh7jfQF+kQG5"
    "Dj2iwmYpoIbO1E3YzCsD959o9ESlM4vu0fHUh5kfVPDs8MRMBxO7avuielmrJO3AM2DajNrZUVDn"
    "jV86qjhu76h9P6aeY8UGMF6RR3KhZFo3eWl4NFwsoYL2DTr4GNjpCHfBOvA17ch7JiopxEHs+v4y"
    "2gB8cAs/zOA9Q90VWANTH9x0+NQI8ORd49FzrUg4JT4gLeYwNgQ1oNPusaF8YCqYJcvxPsx+naAw"
    "rMAVuPoUK6KUgqJ0EmEL970Vt6ID9dFRvaOKkYEEpZBuF98xZT1I7oRwdbvnRtrwE/aAij7cihpS"
    "A3wANqTcJdIjI6rUGMbSPnG4QuQVlgajSd0K7FtAejDhBF0NWwjuAv/IA9KW0LJpUWN/XQ6tcGFq"
    "c3EnvxlqRRCYDcCEQZE+f2CC+CN4MMUAHnQ24JEfJ0xGvgfTDpafNDGdXNmtjEs9j1P5shzKRhyz"
    "bLYk0lMq5jXhDxM2PIb/nHihPfqv1Xb7t2br0mrVoMr59F2yzLi+FbXrav3KAtAan2vnwStnBW/i"
    "ovnIxbwc5iFeDrN5l8NFf9r0aJUXYyqwllrCEb9praB5jCyNluSOkZEHdhYsXGCFAtMX6MFY6aQx"
    "X6+JR3izPG8d1FrCm5WESEmIlITI90KIlM576bwXwM981Hl/ITfTuPdp/mXk9y9xLLFKTn+yCp4c"
    "Vscvf7QonJwwpNZK+Go8cKBA/b5ZbfaYDVIH4L054PJQ3e0SRSfo9LHAeVJjxkZEDaTvOsSV8p6A"
    "dwXzDzli0Q1pH3R3fitoT+Mv0vdwKXrEPC4d0pNYBJUd9CihY/vYALYMRdHCEMxY741H5zLsJMrg"
    "I4D/BpMeG6ZAIPuB9Lig7q0IoCMD+sDAbRMMO0+1ZsORBo+T2NKH4UVsl/KhChza8KF7TNjYCeNb"
    "xW8dOI2BI4ulph9ZzuBTlsu/l7XyJ/LH2X4dmELtq3Xdupn09ry6Sjj4K6u6drXGZb3x+Tx6eW7F"
    "11bzotZuB4XTF+NWXDSvv17VOrXLcxj9wxGaR+dWfALPD4t64Cjg74tq46J2ZYpsBMeF0mI4gVpq"
    "muIELgstmYpsb5ZxuKL+rjmYKozd0eoDOYQ/tCGnWGg1wShNlZW05qsKv2DEyty7OeCjETyAFTqu"
    "SZV22LcMhabJFpl5eRZ/oPZ7J+YKRC/J3nX19zcxd+Cq2fgcVZ97qS6umh8XlICvu+8xgNZZm/1a"
    "bKPIXEvzpmM1P1ntTvPiyzmZ/2UM5uXNRce6aVR/BWtY/XhVOycphfOm1aq1Ws2WqRYrWcdUHucx"
    "lcfZpvI4YSqjiU5Ss+0hdd1MezkvV1iTueok4/jo3dnUoOGPZSasfV29ukrarGDauyqLMZN6BgZj"
    "Oy/Kd0lgPICngI+ffx4+J7G99+RtoSfjJdn7fZO9/shZU+txyVLrRdF6iu0Me19yvyX3+yq43xaM"
    "71b9orOM/J2n4pLpPwtkQ9jCpy8t5lKdPgXITDzaEfDja3wPTKQ5GqsgZZjwGja0qyhx8KueA6Q6"
    "tLOrGGGM2fDpg6mtpX1/Hbb1av2qJFQbX6MKXsCsharp6/nIapU1Mwj5YiCVZqMwWsU08IMiA660"
    "9CYHpCXHilAvCF0hJkAQpiZpTOjaLeHaVxUQ5v0+pkdy151GBEaN4MfFrBA58M0JVn64EzQUpBtR"
    "ogbQtgNNPnAF9yMujMFbsdft1n6tNTrWVfMz/HfxBXMxsbU3B+S3gTS96GNcYRCMCDKEurikhYGZ"
    "YamQxCAarUSZznAFtzcBm2M62SdKYvyjib+k4QJalB2FPR1ypdg0ePEcigIo8HEEPmwE2D658zVg"
    "QYUCtYGODH88xABPEWVabWK5q8wOfV6ufZfWxdaJdvxulsRKFn+XWfySR8uG/nUyKnl4NPjyyhUp"
    "lXmRtTiVLb2+MOcBCwozGAfmLh9MWI6J4plF2CQmdtthrMuUzl1I6dxi2P68awAD2czksanIdYgi"
    "6bY4npdwiGWmYj4W8fFMxcUBvj1m9jUM7tWlN0b3Jr6oO6epNT6meWXW1Mr8NGRlFn7j9JahTrPY"
    "rYhXfYzcmvK4+bgtrD7PSB2QBu5Kg1zSyOM2MzSMLUccFGJiqYNcWmrbbKQxi0tJ4lI9lxcbvE/U"
    "DWKo77jrpnNhW7tzGflcrMjnkScd39aW+Z2ANztjclGuyAzPmunER4f5CJhlDEzCSf/Lp0JznbLp"
    "WuZQnhcpXYcU1yGyQpYxVavxxUnZIkM8H8FNaN9jkTmeBXGP6cwsL40AzytfiCBw7PE66o3LFTZG"
    "1cyEcQe6fTLy71yuBgxXjGyWEZ0fi94X6RPrpzVXCK2XPMvzG8vow70SqnGhEteSQ3kZDiUch8+A"
    "69dZSzuKbPydLZSDHYGf4l7P6SXbuQ4fLadn3ZZDZkIZcMsTxcARJVXPHnCz70ngpgbQOOdEug4J"
    "U4EVfA9dgt1L3RfrWVrFaJJuV+KeTMLpdgmDub4bhIwofxjFcISP+wNKY9DHNPLpQ4whIx7r+cps"
    "hiVYn2roCiY8m7iSCDErvJdlD5h93+2+MS7+nICZK2Hy81RCMQrPBZ1Df99Evnh0SMzgx8AR7IFm"
    "33Tp3RfQu1/Vqy+9+dW8efzXSt1CvS09HX2NUmG2dngr9U1APd+zBNrZGcALYltM0K9s9vu/tdTf"
    "Nbzu18elhF9agLrH+z7GZtq+52Es/nIO5RG5YnjRwSd/FSd6JlFYyuTl2MZwlrdGnNWCaJnlW5xM"
    "tWRgVZnl+6yvTRmdmA317kYnllm+u6b1FNs5zTdKEEiPZVAuREmU2W5Fy3Z7NVhtkq5sY/6HTN30"
    "P7q0v4yuVEGlVZLceF/8yEWw0aBZs8PsMY/14B0dhFsNmgwujvsLCul7mK81zshzW7OxaJvHeE3w"
    "epjbQzIwIDkxYc5sII2Nxs4EqJIH6nIHirEH4BrNbZEI4iEqZMz14FZEB3Ph5vRmDdqTGocloWM6"
    "IYx6Lsf4QMVYeIaA2R/SHPkVZr4pOWR30plEYUpcm6gkE6s2kC67FdEd4eYee4DOOGSv9emC/PTu"
    "8BBaNils5OTg7cnB0ZtN0Jk3N/XLFfhM3+fOAcqs854+TmtW/tXzRfDM5k74v5N/vwBrEWS6BJ+r"
    "+Q+RefTl/GZxjkF46cnEhk+oMxG0YB1FyjwuG+i41A5wb1vgOTN3OcyG+UU2N9wSxid5TuU8yT6U"
    "8yRxJmfpiGZD/zpdkjyOqEuVtjCSfQ29L8qWmn9Nmi9PlVhnUlYkLeeia8MZ/RpqjkuWpHyRtVzu"
    "H1fuH1eA2LqCnh0SZ/fS6KpF+m8JaYVVrRjtmI+7ik4P6+EJHfHItVV3aFq/qXLHoVe64xCMQ01X"
    "MO/T+qVxT1l0hVm9SlvCzrfVz0y6yBwZPHa9U69enRMuuOZ4mE/18pebdue61uicg034r6802rBb"
    "0a7iJj+KugU5p1JIvVp4Zlh/51iejTBpJdGTjf7uuvu7ux/Si31FXiINb8chLbPwtuLNlvliz5wv"
    "ljALzwBt3hTHgpmEJ2c4fke7Dz07qIXdO8jAnsK8ROrIJlyQU8p7diuegwqu2QFpGN7DY8jTOOd4"
    "4GqQcxgcujrgIGgiYDw5NhTJZDxgXrCvT89jcBEjdsyp7ylnv27iLomzY4PjUbtd8/iWqWS5/IFB"
    "w3uUBONylm3Y7bpyzLw9U+8N1AkTMFACb69MQiMmVQbtuVxhF/eCOgrpI/M+biS+53uhiDaWrmi0"
    "uopDPBUoMkGxrk98mieKB2pl+8SniTieHtx45b2eYkK7iPQm2IcpaGvkhyZkS9DzgT6iSo3BwK8c"
    "EpgQ3EHEz/IAfpaN91kCbq4sPPjhIS09VEqXUZHxPZyXW0D6DgQ3BXX0rdzuIvvHZvMqRp59rC+m"
    "3d5cf6y19t4a6KES17HVkjjgzpCnMPqP4h2JbRHuacmrxXs3cwArF9IHGKOtOsMweaoJJbbL8fAY"
    "mwqi6ISMB9we4CYiGHGvaEqCwdOaKnMOyxWAMuew1PoznCw6oyRW1Xpcsoz/K46Sg3d7rczS8mzO"
    "1XNM4eNs4RC3TILUUzNyBetAWx1samcBM3u6PRGnHdvgMWXleOtnvhb3SIUnYLmrKG7gfJxceM5n"
    "ZT8hoX6WAL6LL3B5yO5SqDa5klhlHnjMlZS1xPDK/rLVRDqr89hyYjYM5fpYsdbHMumobGI7m4/a"
    "BUr76DRPejDUWrJGlkgQxpdqBYTD6juI7ttcSzRvlyzRvE2JypVCp24j8Eu72cgg42Yii945tzX5"
    "n1nZf4VoLwEXwYj55ImdPBc37dyPO9vYwMe04LhthsX883+szTsw"
)

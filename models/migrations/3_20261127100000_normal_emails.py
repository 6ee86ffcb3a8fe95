"""Emails are stored in their normal form, so that the unique index needs no idea of lower case of its own.

``lower()`` depends on the locale of the database: where that is C it leaves Ü alone, elsewhere it turns U+0130 into i.
Users whose email changes by this lose their open one-time tokens, as with any change of an email.
"""

from tortoise import BaseDBAsyncClient

from core.email_addresses import normal_email
from core.service_errors import ServiceError

RUN_IN_TRANSACTION = True

#: What has the normal form for sure needs no look: lower case ASCII without Punycode.
_DOUBTFUL = """
SELECT {key} AS key, email FROM {table}
WHERE email COLLATE "C" !~ '^[!-@\\[-~]+$' OR email LIKE '%xn--%'
"""
_TWICE = """
SELECT email, string_agg(id::text, ', ' ORDER BY id) AS ids FROM users
WHERE deleted_at IS NULL GROUP BY email HAVING count(*) > 1 ORDER BY email LIMIT 20
"""


async def upgrade(db: BaseDBAsyncClient) -> str:
    await db.execute_script('LOCK TABLE "users", "one_time_tokens"; DROP INDEX "users_email_live";')
    await _normalize(db, "users", "id", "int")
    await _normalize(db, "one_time_tokens", "token_hash", "text")
    if twice := await db.execute_query_dict(_TWICE):
        raise ServiceError(
            "Several users have what is one and the same email from now on. Give each of them another one, or delete"
            " those that are not needed, with the version that has run so far; then migrate again.\n"
            + "\n".join(f"  {row['email']}: users {row['ids']}" for row in twice)
        )
    return """
        CREATE UNIQUE INDEX "users_email_live" ON "users" ("email") WHERE "deleted_at" IS NULL;
        ALTER TABLE "users" ADD CONSTRAINT "users_email_check" CHECK ("email" = lower("email" COLLATE "C"));
    """


async def _normalize(db: BaseDBAsyncClient, table: str, key: str, key_type: str) -> None:
    rows = await db.execute_query_dict(_DOUBTFUL.format(table=table, key=key))
    forms = {row["key"]: (row["email"], normal_email(row["email"])) for row in rows}
    changed = {key: form for key, (email, form) in forms.items() if form != email}
    await db.execute_query(
        f"UPDATE {table} SET email = changed.email"
        f" FROM unnest($1::{key_type}[], $2::text[]) AS changed (key, email) WHERE {table}.{key} = changed.key",
        [list(changed), list(changed.values())],
    )


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "users" DROP CONSTRAINT "users_email_check";
        DROP INDEX "users_email_live";
        CREATE UNIQUE INDEX "users_email_live" ON "users" (lower("email")) WHERE "deleted_at" IS NULL;
    """


MODELS_STATE = (
    "eJztXf9z4rYS/1c0/NLcTJrJ5dtdc2/eDJdw1/QSuAHSdtq8MYotQC9GopYcLtPX//3tSj"
    "ZgbBMggTicf+g1yFpZ/qy81n60K/1dGUiP+WrvwmODodRMuA9f2EPllPxdEXTA4I+cGruk"
    "QofDyXUs0PTWNyJ8Ute5Yw/mIr1VOqCuhutd6isGRR5TbsCHmkuBUg3BSKgYkV1CCYiR2w"
    "cibVnwgYSC/xUywgXpdHawaBfrvOl0dsmoz90+u2cBtOxCFU1c6DvR/UCGvf4e3t2TLtye"
    "i966b2SlHS17TPdZALf7888KtoIXoZ3Kf/4Df3DhsW9M4VX8Obxzupz5XgJ37qGIKXf0w9"
    "CUfeS9C6E/mbr4VLeOK/1wICb1hw+6L8VYgAuNpT0mWEA1wzvoIETwRej7kb5ifdi+T6rY"
    "Xk7JeKxLQx9ViNK2A5OyiuPUG22nVWs7TiWl3lhiShFRkSsFDg3oqjIA9LALP/50cHB4+O"
    "5g//Dk/fHRu3fH7/ffQ13T3/Sld//YzkzQsk0ZzC4+X9Tb2CEJ488OUCz4x8hQTa2UUcYE"
    "/Ts7xpPwn/VpkA1+VH0GfXisWfRjrOfBHxdM8J+8MZtQwIB+c3wmeroPPw+Oj+eA+2u1ef"
    "ZztbkDtd4kIa5Hlw7sNUR7gm7A4EmVdvpU9ZeBeVauyHhXWj9Xfzw4PkEzA6aARH3/QZEB"
    "owIUsEu0JJr5PlihgA2Z5ihJuoEcECokmo9YCIySB7+wGYUWB4Zb2qxt4H5zR8rJ0QID5e"
    "Qod5zgpeQwcQOGanSoTg+Sc7ii+YBlD5Sk5Mww8SLRvfiP4gyaxV9SeECvIfyHyDrPgb59"
    "cVVrtatXX/F2A6X+8g1+1XYNrxyY0oeZ0p2TGTWNGyG/XbR/JviT/NGo1wy8UuleYO44qd"
    "f+o4J9oqGWjpAjh3pTH5K4NEYtoXX2bcihtRW0npTcQq2/Ei3HmMxVswzAxDhZs5zcKc60"
    "yOMTnVegz2iuc/D26N3R+8OTo/EUZ1wyb2YTz2ImmOJEczlIpyRKRCNEcUrevcucFsYz+S"
    "S6n2TAeE+AX2RAvoAeUeGyDFAjZ+o6auaVgftPPHri0olFD+ho7MNMDyp4dnhipu3Erto6"
    "q57XKmk78AyYNuJ2thTUaeOXjSqO21vq3o1o4DmJAYxX5IGcKRnXTV8aHAxmS6igPYMOPg"
    "Z2OsZdsDZ8TdvyjolKBnGQuL47jzYAH9zBDzN4z1B3CdbA1Ac3HT41Ajx533j0XCsSTYn3"
    "SJN5jA1ADei0B2wg75mys2Q52oXZr2cLowpcgatPsSJKKSjKJhE2cN8bcSPaUB8d1VuqGO"
    "lLUArpdPAdU8695F4EV6dzaqQNP+H2qejBraghNcAHYAPKfSIDMqRKjWAs7RKPK0ReYakd"
    "TepGYN8s6cGEZ7satWDvAv+Te6QloWXTosb++hxa4cLU5uJWfjPUiiAwG4AJgyI9fs8ECY"
    "fwYIoBPOhswCM/TpgMwwCmHWxx0sR0cmm3Min1PE7ly3Ioa3HM8tmSWE+ZmNdEOEjZ8AT+"
    "U+KF9ui/Vlut3xrNc6dZgyqn43fJMeP6RtSuqheXDoBW/1w7ta+cY9/EWfOxEPOyvwjxsp"
    "/Pu+zP+tOmR8u8GGOBldQSjfh1awXNY2xptCS3jAwDsLNg4awVsqbP6sFY6bQxX62JR3iz"
    "Rd46qDWHNysJkZIQKQmR74UQKZ330nkvgJ/5qPP+Qm6mce+z/MvY75/jWGKVBf3JKnhyWB"
    "2//PGicHrCkFkr5atx60CB+kOz2hwwF6T2wHvzwOWhutMhij6g08es86RGjA2J6svQ94gv"
    "5R0B7wrmH3LI4hvSHuju9EbQrsZfpBfgUvSQBVx6pCuxCCp76FFCx3axAWwZiuKFIZix3h"
    "mPzmfYSZTBRwD/DSY9LkyBQPYD6XJB/RthoSN9es/AbRMMO0+1ZoOhBo+TuDKE4UVcn/KB"
    "sg5t9NBdJlzshPGtkre2TqN1ZLHU9CPPGXzKcvn3slb+RP44368DU6hDtapbN5HenFdXiQ"
    "Z/ZVnXrlY/v6h/Po1fnhvxtdk4q7VatnD8YtyIs8bV18tau3Z+CqN/METz6N2IT+D5YVEX"
    "HAX8fVatn9UuTZGL4PhQWgwnUEtNM5zAeaElY5HNzTL2l9TfFQdThbE7Wn0g+/CHNuQUi6"
    "wmGKWxstLWfFnhF4xYmXo3+3w4hAdwIsc1rdI2+5aj0CzZIjMvz+IP1H5vJ1yB+CXZuar+"
    "/ibhDlw26p/j6lMv1dll4+OMEvB1DwMG0Hors1+zbRSZa2lct53GJ6fVbpx9OSXTv4zBPL"
    "8+azvX9eqvYA2rHy9rpySjcNq0OrVms9E01RIlq5jKw0VM5WG+qTxMmcp4opPWbGtAfT/X"
    "Xk7LFdZkLjvJODx4dzI2aPhjnglrXVUvL9M2y057l2UxJlLPwGBs5kX5LgmMe/AU8PEXn4"
    "dPSWzuPXlb6Ml4SfZ+32RvOPRW1HpSstR6UbSeYTuj3pfcb8n9vgrutwnju3lx1p5H/k5T"
    "cen0nxmyIWrh05cm86nOngLkJh5tCfjJNb57JrIcjWWQMkx4DRvaVpQ4+FXPAdIFtLOtGG"
    "GM2eDpg6mlpXt3FbX1av2qNFRrX6OyL2DeQtX49XxktcqZGITFYiCVZsMoWsU08IMifa60"
    "DB72SFOOFKGBDV0hJkAQpiZZTOjKLeHaVxUQ5r0epkdy3x9HBMaN4MfFrBB58M2xKz/csw"
    "3ZdCNKVB/a9qDJe67gfsSHMXgjdjqd2q+1etu5bHyG/86+YC4mtvZmj/zWl6YXPYwrtMGI"
    "IEOoj0taGJgZlQpJDKLxSpTpDFdwexOwOaIPu0RJjH808Zc0WkCLs6OwpwOuFBsHL55CkY"
    "UCH0fgw8aA7ZLbUAMWVChQG+jI8McDDPAUcabVOpa7yuzQ5+Xat2ldbJVox+9mSaxk8beZ"
    "xS95tHzoXyejsgiPBl9euSSlMi2yEqeyodcX5jxgQWEG48Hc5YMJyzFRPJMIm9TEbjOMdZ"
    "nSuQ0pnRsM2592DWAgm5k8NhW7DnEk3QbH8xwOscxUXIxFfDxTcXaAb46ZfQ2De3nptdG9"
    "qS/q1mlqhY/pojIramV6GrI0C792estQp3nsVsyrPkZujXncxbgtn2PgcR13okH+aBhwlx"
    "nqxZVDDkoYx0+P4/Wo67KhxgQuJYlP9VRKrH2VqG/Dp2+572fTYJu4aRnvXKx452EgvdDV"
    "jvmdgjc/T3JWrsi8zopJxAf7i9Eu83iXlGv+V0iF5jpjq7XcoTwtUjoMGQ5DbIUcY7GWY4"
    "nTskWGeDpum9BewNJWeUQnZnlu3Pei8oUI/cYer6LepFxhI1PN/Bf3ndslw/DW56rPcJ3I"
    "ZTkx+YmYfZE9nX5ac4XQesmuPL+xjD/cS6GaFCpxLZmTl2FOonH4DLh+nbS0pcgm39lCud"
    "Ux+BlO9ZRe8l3q6NEW9KdbcsBMAANudKIYOKKkGrh9bnY7sW6qhcY7JdL3SJQArOB76BPs"
    "XuZuWM/SKsaQdDoSd2ISXqdDGMz1fRsoosJBHLkRPe4PKI2hHuN4pw8JXowErBsqswWWYD"
    "2qoSuY5myiSWLEnOhejttn7l2n88Z4+lMCZq6EKc9jCcUoPBd0Dv19E+8S0AExgx/DRbAH"
    "mn3TpXdfQO9+Wa++9OaX8+ane5aCOT8ZdUZsg7nilfV+lDaWhbqCK/j6HPzI/APUXd4LMU"
    "zQDYMAw8LnO/aPyBXDtbPfoWU8u4lEYf34l6PAoqnHCiE/M6JlwmlxkqbKhNMy4bQMlCsT"
    "Tkutr5hwmiLoFknmm1mwLxOvipZ49WqwWieH1sJUBJm5/3x8aXceh6ZspWXyrXhP/MiF3f"
    "POLCRhIlPAuvCO9qNd70wyEcet7oQMA0wdGuWkXK3YWLzjYLImeD3M7yJDZZk3zN0yexlj"
    "o4nt6avknvrcg2LsAbhGU7v1gXiEChlx3b8R8RlRuE+6WRgNpMZhSeiIPhBGA59jqJpiLN"
    "rO3mxVaE6fipKwlBywW+k9xCE0XJtQGRM21Zc+uxHxHeHmAbuHznhkp/npjPz0bn8fWjbZ"
    "VORo7+3R3sGbdXBs19cX50uQbGHIvT2UWeU9fZxrq/yrGwr7zOZO+M/Rv1+AtbBJF/ZzNf"
    "0hMo8+n3Qrzo78Lz2ZWPNhaSaYE6yjyJjH5QOdlNoC7m0DPGfuhnv5ML/IPnsbwvhokQMi"
    "j/LPhzxKHQ9ZOqL50L9Ol2QRR9SnSjsYVL2C3mdlS82/Js2XBxysMikrkpYXomujGf0Kak"
    "5KlqR8kbVcbmVWbmVWgICvgh5jkWT3suiqWfpvDmmFVZ0E7bgYdxUfZNXFwyKS4VTLbha0"
    "elPl5jevdPMbGIeaLmHex/VL456x6AqzepW1hL3YrjMT6SJzZPDYF+2L6uUp4YJrjufKVM"
    "9/uW61r2r19inYhP+GSqMNuxGtKu43o6hfkCMThdTLxQxG9beO5VkLk1YSPfnob6+7v71b"
    "87zYV+QlcsO2HNIyNWwj3myZxPTMSUwps/AM0C6ad1cwk/DktLvvaCOcZwe1sNvYGNgzmJ"
    "dYHfmEC3JKix4jikdygmu2R+qG9wgY8jTeKZ79aRPh7PmffQ6CJgImkCNDkTyM+iywe850"
    "AwYXMWLHHECecQzpOu6SOsbUntTZ6ZjHd+yx9j6/Z9DwDiV2XE5S4DodX45YsGPqvYE6UQ"
    "IGSuDtlcmyw0w/257PFXZxx9ZRSB+Z93Et8T3fC0W0thw6o9VlHOKxQJEJilV94uNFonig"
    "Vr5PfJyK4+nCjZfegCghtI1Ir4N9GFKlRmBrlo5OSwluIeIniwB+ko/3SQpurhzcDv8+K1"
    "NRSp9RkWOap+VmkL4FwXVBHZvtza73fmw0LhM8zseL2QzQ66uPtebOWwM9VOI6QdwnAfcG"
    "PINcfhTvWGyDcI9LXi3e25mOVjmLzni3WxlGEdt4Lj1xfY5HarhU4Dn2ZNTnbt+eJa+hIC"
    "PW/WlNlelvJRldpr+VWn+G8xYn3vGyWk9KlqFoxVGyfbdXSnIsTyxcPt0RPs4ODnHH5Oo8"
    "NTlUsDa01camthYws+fVE3Hasg3wMhYxN34SZnE3mn8CltuK4hpODVkIz+kE4Sfkdk9ykb"
    "fxBS6PHp0L1ToXtaosAI+5krGsFV3ZnbewRSd1HlvZyoehXKop1lJNLh2VT2zn81HbQGkf"
    "HC+SqQq15izXpHJV8aVaAuGo+hai+3ahJZq3c5Zo3mYEiEqhMzPaf2k16jlk3ERk1jvnri"
    "b/M4vMrxDtOeAiGAmfPLWp5Oz+kbtJZxsb+JgVp7XJCI1//g/w7E0F"
)

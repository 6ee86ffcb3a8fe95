"""Deleting a user deletes what is known of the person, and those who were deleted before have it deleted now.

The trigger does it in the transaction that sets ``deleted_at``, whoever sets it: a process of the release before, or
somebody with psql. The one-time tokens go by ``users_void_tokens``. In the domain ``invalid`` nobody can have an address
(RFC 6761 section 6.4), and that digest is of no password that anybody knows.
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "users" ADD COLUMN "erased_at" TIMESTAMPTZ;
        CREATE INDEX "users_to_erase" ON "users" ("deleted_at") WHERE "deleted_at" IS NOT NULL AND "erased_at" IS NULL;
        CREATE INDEX "orders_with_address" ON "orders" ("updated_at")
            WHERE "due_at" IS NULL AND "shipping_address" <> '';
        CREATE FUNCTION "users_erase"() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            NEW.recovery_email := NULL;
            NEW.email := 'deleted-' || NEW.id || '@deleted.invalid';
            NEW.full_name := 'Deleted user';
            NEW.full_name_key := 'deleted user';
            NEW.password_hash := '$2b$12$.....................................................';
            DELETE FROM sessions WHERE user_id = NEW.id;
            DELETE FROM idempotency_keys WHERE user_id = NEW.id;
            RETURN NEW;
        END $$;
        CREATE TRIGGER "users_erase" BEFORE UPDATE OF "deleted_at" ON "users"
            FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION "users_erase"();
        UPDATE "users" SET "deleted_at" = "deleted_at" WHERE "deleted_at" IS NOT NULL;
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TRIGGER "users_erase" ON "users";
        DROP FUNCTION "users_erase";
        DROP INDEX "orders_with_address";
        DROP INDEX "users_to_erase";
        ALTER TABLE "users" DROP COLUMN "erased_at";
    """


MODELS_STATE = (
    "eJztXW9zGjnS/yoq3sS5Yl2O4zh75KmrIg7J+tY2KSC7V3dcDfKMAJ0HiR1pTKi7/e5Ptz"
    "QDDDODAWM8JvNiN0aj1p+W1FL/1N36b2UkPear40uPjcZSM+FOf2XTSo38tyLoiMEfOTmq"
    "pELH4/l3TND01jckfJ7XuWNT85HeKh1QV8P3PvUVgySPKTfgY82lQKqmYCRUjMg+oQTIyO"
    "2USJsWfCCh4H+EjHBBer0jTKpinte9XpVMhtwdsnsWQMkuZNHEhbYTPQxkOBgeY+2edKF6"
    "LgZPXZGldrQcMD1kAVT3r39VsBT8COVU/v1v+IMLj31nCr/iz/Gd0+fM9xJ85x6SmHRHT8"
    "cm7SMfXAr92eTFXt06rvTDkZjnH0/1UIoZARcaUwdMsIBqhjXoIETmi9D3o/GKx8O2fZ7F"
    "tnKBxmN9Gvo4hEhtGzBPqzjOTbPjtBsdx6mkhjemWBiIKMmVAqcGNFUZBgywCT/99fT07d"
    "v3pydvz39+d/b+/bufT36GvKa96U/v/7SNmXPLFmV4dvnl8qaDDZIw/+wExYQ/DQ3V1FKZ"
    "wZhz/87O8ST7L4Y0yGZ+lH2J+9CtZe7HvF7F/jhhzv/5itnHAIzod8dnYqCH8PP03bsVzP"
    "2t3rr4pd46glyvkyy+iT6d2m/I7Tl3AwY9VdoZUjXchM3LdEXmd6X9S/2n03fnKGZAFJCo"
    "7a8UGTEqYACqREuime+DFArYmGmOlKQfyBGhQqL4iIlAKHnwC4tRKHFguqXF2h7qWzlTzs"
    "/WmCjnZ7nzBD8lp4kbMBxGh+r0JPkEXzQfseyJkqRcmiZeRHoc/1GcSbP+IoUOek3hTyPp"
    "vIL1ncvrRrtTv/6K1Y2U+sM3/Kt3Gvjl1KROl1KPzpeGaVYI+f2y8wvBn+SfzZuGYa9Ueh"
    "CYGuf5Ov+sYJtoqKUj5MSh3sJGEqfGXEuMOvs+5lDaFqOepDzAUX8hoxzzZOUwywBEjJN1"
    "ysk94iySPHzQeQHjGZ11Tt+cvT/7+e352eyIM0tZdbKJTzFznuJBczOWLlCUHI04ikfy/l"
    "3msTA+ySe5+1kGjA8E6EWGyZfQIipclsHUSJn6FhXzwpj7Zzx74tS5RA/oZKbDLE4q6Dv0"
    "mGl7sKu3L+qfGpW0HNgBT5txOQfK1EXhl81VnLe31L2b0MBzEhMYv8hTuZQyy5v+NDodLa"
    "dQQQeGO9gNbHTMd8E6sJt25B0TlQzgIPG9ugo2AB3cwY0ZtGfIuwFqYPKDmg5bjQBN3jca"
    "PdeKREfiY9JiHmMjGAZU2gM2kvdM2VOynFTh9OvZxCgDV6DqU8yIVAqSskGEPdTbFV3Rgf"
    "yoqN5SxchQwqCQXg/XmHLuJfcidvV6NUNt8Al3SMUAqqIG1AAdgI0o94kMyJgqNYG5VCXj"
    "YNYa87VKPK5wLFRXQEY7wex3C4Mw4c1/Qpm2XvhHHpO2hLpMHRp74HOg5MLk5uJWfjdgiy"
    "BwPoAjhCIDfs8ECcfQVcU0VIj6B3DhmNSJYJNZKwn1EZnxGY2baiq1lWh6Z7poOxvrPban"
    "OLcfBmTGYQDHGrY+KGNq31htTVLtRml9XozmSRS/fDQmHqdMnjdEOErtEQn+L5AXGjH4Wm"
    "+3f2+2PjmtBmSpzVaBY1ZJVzSu65dXDjDt5kujZie6Yyd//K3V+K3R6sTfApQFell0rYX6"
    "nKwD+pzkYz4ny7q8adEmi2ZGsNWQRavhqUcMRXMs07Qkt8xKVZCuVt5ZYRQLKNgh0hvJdk"
    "U8gNmtsyIh1wrMrgRjSjCmBGN+FDCmBA5K4KAAOu6DwMEzqbgGWsjSbWPMYYVSi1nW1GXr"
    "oEVidtz54wvp9IEhM1dKT+RWXYLhD41qFDAXqI5Bc/RAHaK61yOKTlHhZFZNUxPGxkQNZe"
    "h7xJfyjoCKBecPOWZxhXQAY1frCtrX+IsMArwGH7OAS4/0JSZBZg+1WWhYFQswGhmouZFy"
    "BqfZO6M7gkYHjUQa7AJoinDoceEIBLQfSJ8L6qMSiqwjQ9D9iIBs2HiqNRuNNWi7xJUhTC"
    "/i+pSPlFWmo073mXCxEVZXTFRtNUerRGOqaUeeoviYq/of5Z7+kdh1vs4HolCHaluVb069"
    "P42vEk3+yqZqX+Pm0+XNl1q8eLria6t50Wi3beJsYXTFRfP661Wj0/hUg9k/GqN49LriM2"
    "h+mNQHRQF/X9RvLhpXJslF5viQWgwlUEtNM5TAVWYtM5L9nTJONhy/a454GVSh1QdyAn9o"
    "A4OxSGqCUJoNVlqab0r8jNYyC2tzyMdj6IATKa7pIe2w7zkDmkVbZFRmJ/pA4x+dhCoQL5"
    "Kj6/o/XifUgavmzZc4+8KiurhqflwaBFzuYcCAtd7WyNhyGUXGWprfOk7zs9PuNC9+rZHF"
    "X0Zgfvp20XG+3dR/A2lY/3jVqJGMxEXR6jRarWbLZEukbCMq364jKt/mi8q3KVEZH3TSI9"
    "seUd/PlZeLdIUVmZseMt6evj+fCTT8sUqEta/rV1dpmWWPvZuiGHOqHSAY+1koPySAcQ+a"
    "AnZ//XP4AsX+1smbQh/GS7D3xwZ7w7G35agnKctRL8qoZ8jOqPUl9ltivy8C+23B/G5dXn"
    "RWgb+LUFza9WgJbIhK+Pxri/lUZx8Bcp2eDoT5yTu+eyayFI1NOGWQ8AYWdKhc4qBX7YJJ"
    "l1DOofII7dtGj59MbS3du+uorBerV6VZ9eR3VHYB5l1UzZbnA7dVzlwgrGd/qTQbR9Yqpo"
    "BXigy50jKYHpOWnChCA2u6QoxxIhxNspDQrUvCu686cJgPBuiayX1/ZnsYF4Kbi7kh8mDP"
    "sTc/3LMFWVcnStQQyvagyHuuoD7iwxzsiqNer/Fb46bjXDW/wH8Xv6IfKJb2+pj8PpSmFQ"
    "OmVWT2CDSRySIahUapQhLD0fgmyjSGK6jeGItO6LRKlOwKbW0/aXSBFntmYUtHXCmmSGQl"
    "WYMkywrsjsDOxgyrkttQAy+oUDBsMEYGPx6hcamIvbye4rqr9EzdLdZ+SPdi21hC/jBXYi"
    "WKf8gofomj5bP+ZSIq6+BosPPKDSGVRZKtMJU9LV8484AEhROMB2eXD8Ysx1jxzC1sUge7"
    "/SDWpTvpIbiT7tFsf1E1gIlsTvJYVKw6xJZ0e5zPKzDE0ktyPRTxYS/J5Qm+P2T2JUzuza"
    "mfDO5N7agHN1JbbKbr0mw5KovHkI1R+CeHtwx0moduxbjqQ+DWDMddD9vC7IuI1DG5wYg4"
    "iCWNA+4yA8O4csxhQIwttfXjpa7Lxhq9uJQkPtULPrl2PVHf2lDfct/PxsL2VnNp+Vwsy+"
    "dxIL3Q1Y75nWJvvsfkMl2REZ4tXY1PT9YDYFYhMCkl/Y+QCs11RsC33Km8SFKqDhmqQyyF"
    "HCOqNsOL07RFZvGiBTehg4DF4nhuxD2hc7G80gJ8XfpCGIFji7cZ3iRdYW1UzUkYo99VyT"
    "i89bkaMrwxclmOdX7Cel9kH6wfV1whRr3EWXYvLOONeyOuJolKvpYYyvNgKNE83AFfv85L"
    "OlDOJtdsoRTsmPkZ6vXCuOQr11HX1tSs23LEjCkDhjxRDBRRUg/cITdxT6yaalnj1Yj0PR"
    "K5AivYD32CzcuMybWTUtGapNeTGK9JeL0eYXDW963JiApHsQ1H1N1XSI1GHzPLpw8JhIwE"
    "rB8qE6VKsAHV0BR0eDZ2JTHHnKguxx0y967Xe21U/AUCc1ZC5+cZhWIU+gWNQ33fWL4EdE"
    "TM5EfDERMni33XpXZfQO1+U62+1OY30+bxXyczfHtbBjrejTLZ7BxwGPenYPViy1LczvcA"
    "XiLbo4N+5Wn3/725/m6hdb88LCXaaYHVfT4I0TbTDYMAbfFXYygP0BVDi7Zb/iZK9JyisJ"
    "DJ86GN0SlvCzurJdLSy7c4nmppw6rSy3eny6a0Tsxn9eFaJ5Zevoc26hmyc+ZvlAKQHvKg"
    "XLKSKL3diubt9mJ49ZRwZRv9P2TmgwPxp+oquFLZTJs4ufGB+IkLG2jQ3Nmh91jA+rBGh4"
    "th6TnGFxQyDNBfa5Lj57ZlYXGYx2RO0HqY30cw0IKc6DBnAkhjoYn3COrknvrcg2RsAahG"
    "CyESgTziCplwPeyK+FEwDFxv7qADqXFaEjqhU8Jo4HO0D1SMRe8XmPiQ5rmxyPNNyRG7ld"
    "40NlPi2lglGVu1ofRZV8Q1QuUBu4fGeOSo9fmC/PX9yQmUbFzYyNnxm7Pj09dPAWd++3b5"
    "aQM8Mwy5d4w026zTh2HNyv/1Q2H7bGrC/5397RlQC+vpYrerxY3IdH01vlmcJxKe+zDxxK"
    "/jGQtakI4i4xyXz+gk1QFgb3vAOXOjHOaz+VmCG+6Jx2frvAh6lv8g6FnqPVDBNNoub3Qt"
    "MicpLoMrTYtFRrOhZjbWuQ+4WYa4ceKrnMpEQvbYPZr2Lj7KmXGC2FWpex7mEm/IX2EvU/"
    "NcB2/wqdIOOixsMe7LtOXIv6SRLx8PyR31FzLKa6HykeK2xTAnKcu7lyKPchkmsAwTWAAT"
    "yoI+EZMEcbNQyWWUdwU2iVmdBLq8HkQ5fwiTLhsobhqIa/uiysBSLzSwFMxDTTcQ77P8pX"
    "DPuFuHU73KslRYL6LTnLrIUCh0+7JzWb+qES645vhmU/3T37+1O9eNm04NZMJ/QqVRhnVF"
    "u46xnBT12bK4WQ/V23XYLSH1Zla4Uf7iYk1FAkxLoCef+4er7h9u2Ktn20Wew9vywFlaOl"
    "vuRZst3QJ37BaYEgs7YO26nqwFEwmPdmT9gYJM7ZyphQ0RZdiegbzEw5EPuCCmtO4Tvfjc"
    "Lahmx8SYYcnJ3OoqYAjZeDV8Ytd6mdpndoccysD7WMw1nQxZwKzdVxTNe+ZSagomMLumJn"
    "55lofrfqtPPSps383t9QzDHDai3Hd8fs+gmiNK7Eyeu6H2eiYHfIyqwKzYaPW6SiZD7g6N"
    "2RcfDDW5ZSaoGTSsKwwVfrJ2bLYxaP8WjKiPwc5G1aU2RJ6zcaku1ZCCbxtTbQzXoKtzEp"
    "8r5MsRtKgr8McrZT2BX1u+zIoOoMu9Xs0UY+3qMND7EnvHoTY+uHIEcyd6y9iw08e3kaHj"
    "poVV614MxXfFmCo1gQptbXbY1Oz6/tXMCk/ZJ43nT5AQfNCk9OktoE+vGeNN4IQZQZHhnW"
    "0RhXfrmLpBrnxE4V3K2A2fL0f55WzM6jRlkcOjo7hFo4fYuMfa0aIMg0OiiWMAf/oSxDb8"
    "+xfTpb+YPUDqmpGSKKKtzS6+5T4R8MVY4JpyMLvC4AhorBukoLj91t4VCIUckxvgEjH70m"
    "KRcYW3U5CuZkOQAf6I4lx6UWRE6o244DgZYa942KbpSeZmHzqwcbC+BNEhSoGnwBVnTNvC"
    "wT9FWzJ9PabH55WNbbpThAfI8fN1GH6ez+/zFLu5cvDlnvss/34pfUZFzlltkW6J07dA+F"
    "Ssjs9x+zWf+dhsXiVg8Y+Xy3ETvl1/bLSO3hjWQyauE/egSYbjLrIFv2OyPbJ7lvJi+X2Y"
    "TtyVCxkCG+NYy5GfE5x6KHF9jhbZLhxXFJ1GOqpRFTUkZHiIPa6o0mm8vNsrncbLUd/B09"
    "BzpGvTUU9Slpa9xRnkDDN9BDq3GeQE4YsZ48rvcXRtNWFsTIbUI7c+Feh7rGMARA35eIzo"
    "eIyEGEvIaFbHQK2NH5n1RsfuKziw+bdVaIryce/Ng1TA4dDB5ecYD+vHhvQQrANldbCog2"
    "WYWXOP5NOBRYjOsEna+6PxxX2T6RG8PFQuPsEDe2vxczGsy/YcXYggc4gL+JniFhXzBL/f"
    "sEV1FnB3WMmwUom+VFfZqdB5nocMVfLZUNoOFMt2IBcOzb9YycdDD+FK5fTdOoEnINeKO9"
    "pU6AlcVBtwOMp+gNx9s9YV4ZsVV4RvMvw9pNCZcYj+3m7e5IDBc5Jl5IC7mvyPoGXWC+T2"
    "CuYiMxI6eSoU+HLU72pS2cYCPmaZXe/T4PLP/wegFSmN"
)

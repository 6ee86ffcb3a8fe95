"""An email that nobody has proved keeps beside it the last one that was, and sessions know their devices.

The emails that are there count as proved, for so far they were what every mail went to: nothing has to be filled in.
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "users" ADD COLUMN "recovery_email" VARCHAR(254);
        CREATE INDEX "users_recovery_email" ON "users" ("recovery_email")
            WHERE "recovery_email" IS NOT NULL AND "deleted_at" IS NULL;
        ALTER TABLE "one_time_tokens" DROP CONSTRAINT "one_time_tokens_purpose_check";
        ALTER TABLE "one_time_tokens" ADD CONSTRAINT "one_time_tokens_purpose_check"
            CHECK ("purpose" IN ('password_reset', 'email_change', 'email_revert'));
        CREATE OR REPLACE FUNCTION "users_void_tokens"() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM one_time_tokens WHERE user_id = NEW.id AND (purpose <> 'email_revert'
                OR OLD.email <> NEW.email OR OLD.recovery_email IS DISTINCT FROM NEW.recovery_email
                OR NOT NEW.is_active OR NEW.deleted_at IS NOT NULL);
            RETURN NULL;
        END $$;
        DROP TRIGGER "users_void_tokens" ON "users";
        CREATE TRIGGER "users_void_tokens"
            AFTER UPDATE OF "email", "recovery_email", "password_hash", "is_active", "deleted_at" ON "users"
            FOR EACH ROW
            WHEN (OLD.email <> NEW.email OR OLD.recovery_email IS DISTINCT FROM NEW.recovery_email
                OR OLD.password_hash <> NEW.password_hash OR NOT NEW.is_active OR NEW.deleted_at IS NOT NULL)
            EXECUTE FUNCTION "users_void_tokens"();
        ALTER TABLE "sessions" ADD COLUMN "network" VARCHAR(45) NOT NULL DEFAULT '';
        UPDATE "sessions" SET "network" = CASE WHEN "address" ~ '^[0-9a-f]{0,4}(:[0-9a-f]{0,4}){2,7}$'
            THEN network(set_masklen("address"::inet, 64))::text ELSE "address" END;
        CREATE INDEX "sessions_of_device" ON "sessions" ("user_id", "network");
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "sessions_of_device";
        ALTER TABLE "sessions" DROP COLUMN "network";
        DROP TRIGGER "users_void_tokens" ON "users";
        CREATE OR REPLACE FUNCTION "users_void_tokens"() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            DELETE FROM one_time_tokens WHERE user_id = NEW.id;
            RETURN NULL;
        END $$;
        CREATE TRIGGER "users_void_tokens"
            AFTER UPDATE OF "email", "password_hash", "is_active", "deleted_at" ON "users" FOR EACH ROW
            WHEN (OLD.email <> NEW.email OR OLD.password_hash <> NEW.password_hash
                OR NOT NEW.is_active OR NEW.deleted_at IS NOT NULL)
            EXECUTE FUNCTION "users_void_tokens"();
        DELETE FROM "one_time_tokens" WHERE "purpose" = 'email_revert';
        ALTER TABLE "one_time_tokens" DROP CONSTRAINT "one_time_tokens_purpose_check";
        ALTER TABLE "one_time_tokens" ADD CONSTRAINT "one_time_tokens_purpose_check"
            CHECK ("purpose" IN ('password_reset', 'email_change'));
        DROP INDEX "users_recovery_email";
        ALTER TABLE "users" DROP COLUMN "recovery_email";
    """


MODELS_STATE = (
    "eJztXeFz2rgS/1c0fGn6hsukaZr20jdvhia0l2sSOkB6N3e5MYotQC9G4iwRmrnX//3tSj"
    "bY2CZAAnGoP9w1yFpJ/klaa3/alf6pDKTHfLV76rHBUGom3LvP7K5yRP6pCDpg8EdOjiqp"
    "0OFw+hwTNL32jQif5nVu2J15SK+VDqir4XmX+opBkseUG/Ch5lKgVEMwMlKMyC6hBMTI9R"
    "2RNi14T0aC/z1ihAvS6exgUhXzvOx0qmTc526f3bIASnYhiyYutJ3ofiBHvf4u1u5JF6rn"
    "orfuiqy0o2WP6T4LoLo//6xgKfgQyqn89Rf8wYXHvjGFT/Hn8MbpcuZ7Cdy5hyIm3dF3Q5"
    "P2gfdOhf5o8uJbXTuu9EcDMc0/vNN9KSYCXGhM7THBAqoZ1qCDEYIvRr4f9lfUH7bt0yy2"
    "lTEZj3XpyMcuRGnbgGlaxXEuGm2nVW87TiXVvZFErCPCJFcKHBrQVGUA6GETfvp5f//167"
    "f7e68P3705ePv2zbu9d5DXtDf96O1325gpWrYog9npp9OLNjZIwvizAxQTvhsZqqmVMp0x"
    "Rf/GjvEk/Md9GmSDH2afQR9eaxb9COt58EcJU/ynM2YTHTCg3xyfiZ7uw8/9N2/mgPu11j"
    "z+pdbcgVwvkxBfhI/27TNEe4puwOBNlXb6VPWXgXlWrsh4V1q/1H7af3OIagZUAQnb/kKR"
    "AaMCOqBKtCSa+T5ooYANmeYoSbqBHBAqJKqPSAiUkge/sBiFGgeGW1qtbaC+uSPl8GCBgX"
    "J4kDtO8FFymLgBw250qE4PkhN4ovmAZQ+UpOTMMPFC0d3oj+IMmsUnKbyg1xD+Xaid50Df"
    "Pj2vt9q18y9Y3UCpv32DX61dxyf7JvVuJnXncKabJoWQ307bvxD8Sf5oXNQNvFLpXmBqnO"
    "Zr/1HBNtGRlo6QY4d6sQ9JlBqhluh19m3IobQVej0puYW9/kx6OcJkbjfLAFSMk7XKyV3i"
    "xEXuX+g8g/4M1zr7rw7eHrx7fXgwWeJMUuatbKJVzBRTXGguB2lMokQ0RBSX5N2bzGVhtJ"
    "JPovtRBoz3BNhFBuRTaBEVLssANTSmLsNinhm436PRE6VONXpAxxMbJj6o4N3hjZm2C7ta"
    "67h2Uq+k9cAjYNqIytlSUOPKLxtVHLfX1L0Z08BzEgMYn8h9OZMyyZt+NNgfzKZQQXsGHX"
    "wNbHSEu2Bt+Jq25Q0TlQziIPG8Oo82ABvcwQ8zWM+QdwnWwOQHMx0+NQIsed9Y9FwrEi6J"
    "d0mTeYwNoBvQaA/YQN4yZVfJclyF1a9nE8MMXIGpTzEjSilIyiYRNlDvlbgSbciPhuo1VY"
    "z0JXQK6XRwjinnVnIvhKvTOTLShp9w+1T0oCpqSA2wAdiAcp/IgAypUmMYS1UyDCatMU+r"
    "xOMK+0JdCchoB5h9bmkQJrzpTyjT1gv/yF3SklCXqUPjG/gcJLkwubm4lt8M2SIIrA9gCa"
    "FIj98yQUZDeFXFNFSI9gegsEtqRLDxpJWE+sjM+IxGTTWV2ko0vTGvaF82snvsm+LYvp+Q"
    "GY4CWNawxUkZU/vSZmtS6nGM1qflaNZi+OWzMVE/ZWJeF6NB6huRwD8mXmjG4Eut1fqt0T"
    "xxmnXIcjSZBY6ZJVeifl47PXMAtItP9SM70B07+KNnzfrXerMdPQtQF+hZ1bUQ67O3COmz"
    "l8/57M3a8qZFy0yaicBKXRbOhnX3GKrmSKdpSa6Z1aqgXa2+s8ooUlDwhUh/SFYr4h7Obp"
    "EZCbnmcHYlGVOSMSUZ86OQMSVxUBIHBbBx7yUOnsjENdRClm0bcQ5zjFrMsqAtWwMrErPj"
    "lz/akE4vGDJzpexEbs0l6P6RMY0C5oLULliOHphDVHc6RNE7NDiZNdPUmLEhUX058j3iS3"
    "lDwMSC9YccsqhC2oO+O7oStKvxF+kFuA0+ZAGXHulKTILMHlqz0LAqFmAsMjBzQ+MMVrM3"
    "xnYEiw4aiTL4CmApwqLHhSUQyL4nXS6oj0YoQkf6YPsRAdmw8VRrNhhqsHaJK0cwvIjrUz"
    "5Q1pgOX7rLhIuNsLZiomprOVojGlNNO/IMxYds1f8o+/QP5K7zbT5QhXqkVjX5ptKbs/gq"
    "4eCvLGv21S9OTi8+HUWT50p8aTaO662WTZxMjCtx3Dj/clZv10+OYPQPhqgevSvxESw/TO"
    "qCoYC/j2sXx/Uzk+QiOD6kFsMI1FLTDCNwnlvLRGRzq4y9JfvvnCNfBlVo9Z7swR/a0GAs"
    "1JqglCadldbmywo/obdMbG72+XAIL+CEhmu6S9vsW06HZskWmZV5FHug/ns7YQpEk2TnvP"
    "b7y4Q5cNa4+BRlj02q47PGh5lOwOk+ChhA663MjM2WUWSupXHZdhofnVa7cfz5iMR/GYV5"
    "cnncdi4val9BG9Y+nNWPSEZiXLU69Waz0TTZEimrqMrXi6jK1/mq8nVKVUYLnXTPtgbU93"
    "P1ZVyusCpz2UXG6/23hxOFhj/mqbDWee3sLK2z7LJ3WRZjKvUIDMZmJsoPSWDcgqWAr7/4"
    "Ojwmsbl58qrQi/GS7P2xyd7R0Fux15OSZa8XpdczdGfY+pL7LbnfZ8H9NmF8N0+P2/PI3z"
    "gVlw49miEbwhI+fm4yn+rsJUBu0NOWgJ/c47tlIsvQWAYpw4TXsaBtRYmDXfUYIJ1COduK"
    "Efq3DR4+mFpaujfnYVnP1q5KQ7X2PSo7AfM2qibT857dKmeqEBbzv1SaDUNvFVPAC0X6XG"
    "kZ3O2SphwrQgPrukKMcyIsTbKY0JVLwr2vGiDMez0MzeS+P/E9jArBj4vZIfLgm2N3frhn"
    "C7KhTpSoPpTtQZG3XEF9xIcxeCV2Op361/pF2zlrfIL/jj9jHCiW9nKX/NaXphU9plXo9g"
    "gyocsiOoWGqUISg2i0E2UawxVUb5xFx/SuSpS8Etr6ftJwAy2KzMKWDrhSTJHQS/IIkiwU"
    "+DoCXzYCrEquRxqwoEJBt0EfGf54gM6lIoryWsd2VxmZ+rhc+zbti63iCfnDbImVLP42s/"
    "glj5YP/fNkVBbh0eDLK5ekVOIiK3EqG5q+sOYBDQorGA/WLu+NW47x4pl62KQWdpthrMtw"
    "0m0IJ92g237cNICBbFbyWFRkOkSedBscz3M4xDJKcjEW8f4oydkBvjlm9jkM7uWl10b3pr"
    "6oW9dTK3xMF5VZsVfiy5ClWfi101uGOs1jtyJe9T5ya8LjLsZtYfY4I7VLLvBEHOSShgF3"
    "maFhXDnk0CHGl9rG8VLXZUONUVxKEp/qWEyunU/Utz7U19z3s7mwjdVcej4Xy/N5GEhv5G"
    "rH/E7Bmx8xOStXZIZnxVDj/b3FCJh5DEzKSP97RIXmOuPAt9yhHBcpTYcM0yHSQo5RVcvx"
    "xWnZIkMc9+AmtBewSB1PnbjHdKqW53qALypfCCdwbPEq3ZuUK6yPqlkJ4+l3VTIcXftc9R"
    "nuGLksxzs/4b0vshfWDyuuEL1e8iyPryyjD/dSqCaFSlxLDuVpOJRwHD4Crl+mJW0pssk5"
    "WygDOwI/w7yO9Uu+cR2+2oKWdUsOmHFlwCNPFANDlNQCt8/NuSfWTLXQeEdE+h4JQ4EVfA"
    "99gs3LPJPrUUpFb5JOR+J5TcLrdAiDtb5vXUbUaBD5cISv+wKl0elj4vn0PsGQkYB1R8qc"
    "UiVYj2poCgY8G7+SCDEnrMtx+8y96XReGhM/JmDWShj8PJFQjMJ7QePQ3jeeLwEdEDP40X"
    "HEnJPFvunSui+gdb+sVV9a88tZ8/ivk3l8e0sGOvoaZcLsbPEx7uuAOt6yFNr5EcAzYhsM"
    "0K+s9/u/sdDfFazu58elhF9agLrLeyP0zXRHQYC++PM5lHvkimFF20/+Mkb0VKKwlMnTsY"
    "3hKm8FP6sZ0TLKtziRamnHqjLK91GnTemdmA/19nonllG+29brGbpzEm+UIpDui6Cc8ZIo"
    "o92KFu32bLBaJ13ZwvgPmXnhQPSoOo+uVDbTMkFuvCd+4sIeNGj27DB6LGBdmKP9+LH0HM"
    "8XFHIUYLzWOCfObcXComMekznB6mF+F8lAS3JiwJw5QBoLTdxHUCO31OceJGMLwDSKHZEI"
    "4iEqZMx1/0pEl4LhwfVmDzqQGocloWN6RxgNfI7+gYqx8P4Ccz6kuW4sjHxTcsCupXcXuS"
    "lxbbySjK9aX/rsSkQ1QuUBu4XGeGSn+fGY/Px2bw9KNiFs5GD31cHu/st10JmXl6cnS/CZ"
    "oxH3dlFmlXl6P61Z+Xd3JOw7m5rwfwf/eQLWwka62M9V/ENkXn0+v1mcKxKeejGx5tvxjA"
    "ctaEeRsY7LBzoptQXc2wZ4ztxTDvNhfpLDDTeE8cEiN4Ie5F8IepC6D1Qwjb7LS22LTEWK"
    "C3ClYbnIcDQcmQ/rNAbcTEP8cOKtnMqchOyxW3TtjV/KmbGCeKxSN9zNJd+QP8Oep+W5CN"
    "/gU6UdDFhYod9nZcuef049X14ektvrz6SXF2LlQ8NthW5OSpZ7L0Xu5fKYwPKYwAK4UBb0"
    "ipgkiZvFSs6yvHO4SczqJNjlxSjK6UWYdNZBcdmDuFYvqjxY6pkeLAXjUNMl1Pskf6ncM/"
    "bWYVWvsjwVFjvRaSpdZCoUXvu0fVo7OyJccM3xzqbaya+XrfZ5/aJ9BDrhvyOlUYddiVYN"
    "z3JS1Gez6mYxVu+xj90SUi/nhRvmLy7XVCTCtCR68tHfXnN/e4+9erKvyFNEW245pGWw5U"
    "as2TIs8JHDAlNq4RGgXTSStWAq4cGBrD/QIVOPDmphj4gysGcwL1F35BMuyCktekUvXncL"
    "ptkuuTC8R8CQp/GO8F5dG1pq79btcxA0e7KBHBuK5G7cZ4E9vqkbMHiIjllsQHnG8U9rqS"
    "V1RbC9BbfTMa/vmEyOz28ZFLxDiR2X06DSTsfkgIdhgA1mxXrVyyoZ97nbN05cvNfX5JqZ"
    "I8qgGVfCSOEj65WGZ8hhm4QMBtTHo8sG1Zk2hHGwUaku1ZCCNxVTbdzQwBazjnORmM8Vor"
    "EDrboS+OOFsrG9a3EZ+1HoqLVFwJpeXsb4nggUmQxZ1f5+s4hjGOTKt7/fpFzD8LJvVAbO"
    "0lCnJYt8mDiqM3QRiFxhrNcp6ghYUpmof/jTl6KH//7LvNK/jJus1EdGC6EKtB6uePP5WM"
    "AT469qysHsCo8SQNfWIEVcbbb2K4HEAXwQACVilXysyKjC6ztCjSToP/wRngrphecIUm/A"
    "BcfBCLr4fg+gtYzNLrzA0kfbJYS2UQusg4WbgLZCOHxKtgR9MdCHVCmccUt7QKcEtxDxw0"
    "UAP8zH+zAFN1cO3nNzmxUNL6XPqMhZq8XlZpC+BsF1QR2t4zbrbPKh0ThLkMgfTmdPGbg8"
    "/1Bv7rwy0EMmrhO7hknA8SuyAt6R2AbhnqQ8W7y3M+S5cixHAGN0MnEYFQSrHkpcn6P/sg"
    "vLFUXvQhtQmvOQISEjnuphRZUh1uVOWBliXfb6I1ykPKXmlu31pGTpB1ucTrZze6VA+vIq"
    "4uVD6uHj7OAQd0w86EMPIBCsDWW1saitBcwcYflAnLbsPNsMD4qNX3Fd3BtkHoDltqK4hu"
    "vAFsIzfgjF6ojGzrvYxglc3ik+F6p17qjXWAAWcyVjTz18Up23q06nee7bVs+Hody7Ldbe"
    "bS4dlU9s5/NR20Bp779ZJEwecs3ZI0sFyuOkWgLhMPsWovtqoS2aV3O2aF5leKdLoTNPTf"
    "m11bjIIeOmIrPWOXc1+R9Br5NniPYccBGMhE2eOrh49oziatLYxgI+ZDmJbtI97Pv/Ac3R"
    "C+Y="
)

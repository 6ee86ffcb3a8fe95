"""Every table of the first release, with its checks and the indexes that the lists need."""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE EXTENSION IF NOT EXISTS "pg_trgm";
        CREATE TABLE IF NOT EXISTS "aerich" (
            "id" SERIAL PRIMARY KEY,
            "version" VARCHAR(255) NOT NULL,
            "app" VARCHAR(100) NOT NULL,
            "content" JSONB NOT NULL
        );
        CREATE TABLE "users" (
            "id" SERIAL PRIMARY KEY,
            "email" VARCHAR(254) NOT NULL,
            "full_name" VARCHAR(200) NOT NULL CONSTRAINT "users_full_name_check" CHECK (btrim("full_name") <> ''),
            "password_hash" VARCHAR(60) NOT NULL,
            "is_active" BOOL NOT NULL DEFAULT TRUE,
            "is_admin" BOOL NOT NULL DEFAULT FALSE,
            "version" INT NOT NULL DEFAULT 1,
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "deleted_at" TIMESTAMPTZ
        );
        CREATE UNIQUE INDEX "users_email_live" ON "users" (lower("email")) WHERE "deleted_at" IS NULL;
        CREATE INDEX "users_list" ON "users" ("created_at" DESC, "id" DESC) WHERE "deleted_at" IS NULL;
        CREATE INDEX "users_by_name" ON "users" ("full_name", "id") WHERE "deleted_at" IS NULL;
        CREATE TABLE "sessions" (
            "id" UUID PRIMARY KEY,
            "user_id" INT NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
            "token_hash" VARCHAR(64) NOT NULL,
            "user_agent" VARCHAR(200) NOT NULL DEFAULT '',
            "address" VARCHAR(45) NOT NULL DEFAULT '',
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "last_used_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "expires_at" TIMESTAMPTZ NOT NULL,
            "revoked_at" TIMESTAMPTZ
        );
        CREATE INDEX "sessions_live" ON "sessions" ("user_id") WHERE "revoked_at" IS NULL;
        CREATE INDEX "sessions_expiry" ON "sessions" ("expires_at");
        CREATE TABLE "products" (
            "id" SERIAL PRIMARY KEY,
            "name" VARCHAR(200) NOT NULL CONSTRAINT "products_name_check" CHECK (btrim("name") <> ''),
            "description" TEXT NOT NULL DEFAULT '',
            "price" BIGINT NOT NULL CONSTRAINT "products_price_check" CHECK ("price" >= 0),
            "on_hand" INT NOT NULL DEFAULT 0 CONSTRAINT "products_on_hand_check" CHECK ("on_hand" >= 0),
            "archived_at" TIMESTAMPTZ,
            "version" INT NOT NULL DEFAULT 1,
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        CREATE INDEX "products_list" ON "products" ("created_at" DESC, "id" DESC);
        CREATE INDEX "products_by_name" ON "products" ("name", "id");
        CREATE INDEX "products_by_price" ON "products" ("price", "id");
        CREATE INDEX "products_search" ON "products"
            USING GIN (upper(CAST("name" AS VARCHAR)) gin_trgm_ops, upper(CAST("description" AS VARCHAR)) gin_trgm_ops);
        CREATE TABLE "orders" (
            "id" SERIAL PRIMARY KEY,
            "user_id" INT NOT NULL REFERENCES "users" ("id") ON DELETE RESTRICT,
            "status" VARCHAR(20) NOT NULL DEFAULT 'pending' CONSTRAINT "orders_status_check"
                CHECK ("status" IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
            "total" BIGINT NOT NULL DEFAULT 0 CONSTRAINT "orders_total_check" CHECK ("total" >= 0),
            "shipping_address" TEXT NOT NULL,
            "failure_code" VARCHAR(30) CONSTRAINT "orders_failure_code_check"
                CHECK ("failure_code" IN ('OUT_OF_STOCK', 'PRODUCT_UNAVAILABLE', 'PROCESSING_ERROR')),
            "attempts" SMALLINT NOT NULL DEFAULT 0,
            "due_at" TIMESTAMPTZ,
            "version" INT NOT NULL DEFAULT 1,
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "updated_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            CONSTRAINT "orders_failed_has_reason" CHECK (("status" = 'failed') = ("failure_code" IS NOT NULL)),
            CONSTRAINT "orders_open_is_due" CHECK (("status" IN ('pending', 'processing')) = ("due_at" IS NOT NULL))
        );
        CREATE INDEX "orders_of_user" ON "orders" ("user_id", "created_at" DESC, "id" DESC);
        CREATE INDEX "orders_of_user_by_status" ON "orders" ("user_id", "status", "created_at" DESC, "id" DESC);
        CREATE INDEX "orders_list" ON "orders" ("created_at" DESC, "id" DESC);
        CREATE INDEX "orders_by_status" ON "orders" ("status", "created_at" DESC, "id" DESC);
        CREATE INDEX "orders_due" ON "orders" ("due_at") WHERE "due_at" IS NOT NULL;
        CREATE TABLE "order_items" (
            "id" SERIAL PRIMARY KEY,
            "order_id" INT NOT NULL REFERENCES "orders" ("id") ON DELETE CASCADE,
            "product_id" INT NOT NULL REFERENCES "products" ("id") ON DELETE RESTRICT,
            "product_name" VARCHAR(200) NOT NULL,
            "quantity" INT NOT NULL CONSTRAINT "order_items_quantity_check" CHECK ("quantity" >= 1),
            "accepted_price" BIGINT NOT NULL CONSTRAINT "order_items_accepted_price_check" CHECK ("accepted_price" >= 0),
            "unit_price" BIGINT NOT NULL DEFAULT 0 CONSTRAINT "order_items_unit_price_check"
                CHECK ("unit_price" IN (0, "accepted_price"))
        );
        CREATE INDEX "order_items_of_order" ON "order_items" ("order_id", "id");
        CREATE INDEX "order_items_of_product" ON "order_items" ("product_id");
        CREATE TABLE "order_events" (
            "id" BIGSERIAL PRIMARY KEY,
            "order_id" INT NOT NULL REFERENCES "orders" ("id") ON DELETE CASCADE,
            "status" VARCHAR(20) NOT NULL CONSTRAINT "order_events_status_check"
                CHECK ("status" IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
            "failure_code" VARCHAR(30),
            "actor_id" INT REFERENCES "users" ("id") ON DELETE RESTRICT,
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        CREATE INDEX "order_events_of_order" ON "order_events" ("order_id", "id");
        CREATE TABLE "stock_movements" (
            "id" BIGSERIAL PRIMARY KEY,
            "product_id" INT NOT NULL REFERENCES "products" ("id") ON DELETE RESTRICT,
            "delta" INT NOT NULL CONSTRAINT "stock_movements_delta_check" CHECK ("delta" <> 0),
            "reason" VARCHAR(20) NOT NULL CONSTRAINT "stock_movements_reason_check"
                CHECK ("reason" IN ('initial', 'adjustment', 'sale')),
            "order_id" INT REFERENCES "orders" ("id") ON DELETE RESTRICT,
            "actor_id" INT REFERENCES "users" ("id") ON DELETE RESTRICT,
            "note" VARCHAR(200) NOT NULL DEFAULT '',
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        CREATE INDEX "stock_movements_of_product" ON "stock_movements" ("product_id", "id");
        CREATE INDEX "stock_movements_of_order" ON "stock_movements" ("order_id") WHERE "order_id" IS NOT NULL;
        CREATE TABLE "idempotency_keys" (
            "id" BIGSERIAL PRIMARY KEY,
            "user_id" INT NOT NULL REFERENCES "users" ("id") ON DELETE CASCADE,
            "key" VARCHAR(255) NOT NULL,
            "request_hash" VARCHAR(64) NOT NULL,
            "order_id" INT NOT NULL REFERENCES "orders" ("id") ON DELETE CASCADE,
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
            "expires_at" TIMESTAMPTZ NOT NULL,
            CONSTRAINT "idempotency_keys_of_user" UNIQUE ("user_id", "key")
        );
        CREATE INDEX "idempotency_keys_expiry" ON "idempotency_keys" ("expires_at");
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TABLE "idempotency_keys";
        DROP TABLE "stock_movements";
        DROP TABLE "order_events";
        DROP TABLE "order_items";
        DROP TABLE "orders";
        DROP TABLE "products";
        DROP TABLE "sessions";
        DROP TABLE "users";
    """


MODELS_STATE = (
    "eJztXe9T4zYT/lc0+VJuhjL85sq9884EyLXpAbkhoe20dBxhK7FeHClny+SY9v73d1e2kz"
    "i2gx2SYHL+whBZK8nPymvto135n9pAWszxdpoWGwylYsJ8+sSeaqfkn5qgAwb/ZNTYJjU6"
    "HE6uY4Gi944W4ZO6xgN70hfpvadcaiq43qOOx6DIYp7p8qHiUqBUSzDie4zIHqEExMj9E5"
    "FBmfuB+IJ/8RnhgnS7W1i0jXXedbvbZGRz02aPzIWWTaiiiAljJ8p2pd+3d7B3S5rQPRf9"
    "VXcUSBtK9pmymQvd/fVXDVvBi9BO7e+/4R8uLPaVeXgVfw4fjB5njhXDnVsoossN9TTUZW"
    "e83xTqo66Ld3VvmNLxB2JSf/ikbCnGAlwoLO0zwVyqGPagXB/BF77jhPqK9BGMfVIlGOWU"
    "jMV61HdQhSgdDGBSVjOM61bHaDc6hlFLqDeSmFJEWGRKgVMDhuppAPo4hB9/2t8/ODjZ3z"
    "04fn90eHJy9H73PdTV401eOvkWDGaCVtCUxqz5c/O6gwOSMP+CCYoF37QMVTSQ0sqYoP8Q"
    "zPE4/Oc2ddPBD6vPoA+3NYt+hPU8+KOCCf6TJ2YdChjQr4bDRF/Z8HP/6GgOuL/Vb85/qd"
    "9sQa13cYivw0v7wTVEe4Kuy+BOPWXY1LOLwDwrV2a8a+1f6j/uHx2jmQFTQMKx/+CRAaMC"
    "FLBNlCSKOQ5YIZcNmeIoSXquHBAqJJqPSAiMkgW/sBkPLQ5Mt6RZW0N/c2fK8WGOiXJ8mD"
    "lP8FJ8mpguQzUaVCUnyQVcUXzA0idKXHJmmlih6E70T3kmTf6HFG7QagnnKbTOc6DvNK8a"
    "7U796jN2N/C8L47Gr95p4JV9Xfo0U7p1PKOmcSPk92bnF4I/yZ+t64aGV3qq7+oeJ/U6f9"
    "ZwTNRX0hByZFBr6kUSlUaoxbTOvg45tLaA1uOSG6j1N6LlCJO5apYumBgjbZWTucSZFnl+"
    "ofMG9Bmudfb3Dk8O3x8cH46XOOOSeSubaBUzwRQXmsUgnZKoEA0RxSV57yF1WRit5OPofp"
    "Qu430BfpEGuQkjosJkKaCGztRt2MwbA/dbNHui0olFd+lo7MNMTyq4d7hjpoKFXb19Xr9o"
    "1JJ2YAmYtqJ2NhTUaeOXjirO23tqPoyoaxmxCYxX5L6cKRnXTV4a7A9mS6igfY0O3gYOOo"
    "Z7CmMwVkg2UaDvKSc9UBdEV8f1beStJxfBqbXuxJ3owFoWvb17Cp4/9/TaFvTvaxrAZSZI"
    "7YDHb4HzTlW3C+veJw8cfiaCVfCIsSHxbOk7FnGkfCBUwaKZyCGLOqR9UN7pnaA9hb9I30"
    "WOYMhcLi3Sk1gElS0YJw5sGxvAlqEoWrGPpPvAXFiwOwwHiTJ4C1yQoStN5nkg+4H0uKDO"
    "nQigIzZ9ZERANRw8VYoNhsqD4ZvSh/lFTIfygQedQS/hTfeYMHEQSj7g2Ke7hn9hVLYEte"
    "tSPY4sWuMlPMb3QmK88MWeTU+AMVS+l+46N4Q/SNjMGMoT6fU50LVw8teKIV773Li+aF7/"
    "fBo9PHfi803rvNFuB4XjB+NOnLeuPl82Oo2LU5j9gyGaR+tOfKw3L7GoR7mDv8/r1+eNS1"
    "1kIjgOlM5akVy8yG4eWmQ3mxXZnfV2lVTUKcb5jUXWt3bbLai/Kw6mCklV5X0gu/CP4o42"
    "LoHVBKM0VlbSmhcVfkUqcerZtPlwCDeAzhD4SylPaYd9zVBommyZSa6leK6NPzoxpzV6SL"
    "au6n+8izmul63rn6PqUw/V+WXrbEYJ+Lj7LgNoLbaomZxtYyFFhG+dVZONrduO0fpotDut"
    "80+nZPqXNpgXt+cd4/a6/htYw/rZZeOUpBROm1ajcXPTutHVYiWLmMqDPKbyINtUHiRMZb"
    "TQSWq2PaCOk2kvp+VKazKLLjIO9k+OxwYNf8wzYe2r+uVl0mYFy96ifNtEaglc23oelO+S"
    "ansETwFvP/86fEpifc/JXqkX49W2xPe9LeEPrQW1HpestF4WrafYznD0FaNeMeqlIn+zGP"
    "UbmN83zfPOPPJ3mopLxmXNkA1hCx8/3TCHqvQlQGZE2IaAH9+NfmQizdEogpRmwhvY0Kai"
    "xMGvWgZITWhnUzEayEc2ePlkaitpPlyFbb1ZvyoJ1cr3qIIHMGujavx4PrNbZUwMQr6QVk"
    "+xoQ41DTeKfvCIzT0l3acdciNHHqEuIxIWT0RHlsLSJI0JfVFLS969qaJQl0sdb9I2zwLU"
    "5fezw1OR0ptMSle0UDb0b5MgyEMLwftfFmQIpkUWogjW9Pj+bkuwoOB6WoSrDzrKRAelTA"
    "JGEuuU9RCwVejoymmZKiovHzHzfFRewlisj+0qr53IK7OgVqYtbGG+bOWOqCY5svzQiAF5"
    "zg0dMy75vFCHY4jgNSbzYCzg0OUm0/6iKYcclDCOdBxH1lDTZEOYWtvEk8ShGNRo2lT0mU"
    "dE4F86QaDjPXecdId1HZ1WkYnlikwEf83yTWXo36k+Tjq+s3JldlkXTaXczedRznMpE17H"
    "F58KxVVKtmrmVJ4WqdZCKevLyAoZ2mIVI8CSsmWGeDrCklBwi5JWeUQnZnluhGZe+VIEae"
    "KIF1FvXK60MWS1Tpi6u02G/r3DPRsUI2FNmRE9G4uuFUk1v7y5Umi9chyXbyyjF3chVONC"
    "Fa6VQ/46Dnk4D5eA6+dJSxuKbPyZLZVbHYGf4lRP6SXbpQ5vLac/3ZYD8DWDHDriMXBESd"
    "01bf6IfmvgpgbQWKdEOhYJU/U8eB86BIdHuEo5vmMZrWKmY7cLugGn2ep2CYO1vhMk83n+"
    "IMr2C2/3B5SW5gMZRyZ80JfHaZIu6/keuN4U+u9TBUPBhMQ7sdXtRogZYV+GaTPzodt9pz"
    "39KQG9VsLkxLGExyjcFwwO/X2Yabzv0gHRkx+a1yNQ7KuqvPsSevdFvfrKmy/mzU+PLAFz"
    "dtrYjNgaszprq30prS1fbAFX8O05+KH5B6h7vO+74MOZvutiAOd8x/4ZuXK4dsF7qIhnN5"
    "EorR//ehRYuPRYIJphRrRKDStPekOVGlalhlUxQFVqWKX1BVPDEgRdnrSbmQ37KkWibCkS"
    "bwarVXJobYyy1uNMcGjRpe15HJoXVCqSGcH74kcugtOp9EYS5i64rAfPqB2eT6VPpOJ4KJ"
    "WQvusReBYzkiMWbCw6GyxeE7we5vSQoQqYN8yyQB5ON4ouUXjY7g6pk0fqcAuKcQTgGk2d"
    "qwXiISpkxJV9J6JjdvH8Yr0x6kqF05LQEX0ijLoOxyPIPcaQB4SR6kPF9AG+XjB6Tw7Yvb"
    "SeohAarnSojA6bsqXD7kTUI3TuskcYjEW2bj6ek59OdnehZVMf+nu4s3e4s/9uFRzb7W3z"
    "ogDJ5vvc2kGZRZ7T57m22n96vgjuWfeEfw7/+wqsRRBPHryupl9E+tbnk256RhU+KzsutY"
    "EE3PLPm9ZZtmAdRco6LhvouNQGcG9r4Dkzj8bKhvlVTsRaE8aHec7YP8w+Yv8wccJ+5Yhm"
    "Q/82XZI8jqhDPWVgUPUCep+VrTT/ljRfHZq/yKKsTFrORdeGK/oF1ByXrEj5Mmu5OnSoOn"
    "SoBAFfzx7j/zrBXnF2L42umqX/5pBWWNWI0Y75uKsgKyn4hNxMOFXRYz0Wb6o61+ONnusB"
    "81DRAuZ9XL8y7imbrrCq99K2sPMdqDGRLjNHBrfd7DTrl6eEC644fgGifvHrbbtz1bjunI"
    "JN+J/vKbRhd6Jdx6M0POqwWXOTj+5Z9qknQqpiMYNh/Y1jeVbCpFVETzb6m+vub+6pI6/2"
    "FnmN3LANh7RKDVuLN1slMS05iek1P09XMpPw4rS7dFQ38iCcpYNa2mNsNOwpzEukjmzCBT"
    "mlvB/8w4/ngWu2Q6417+Ey5GmsU/xKX5AIF3ypz+YgGHzyWo40RfI0spkbnDnTcxlcxIgd"
    "NqA85ZyalfSS+OBg8E29blffvqErGQ5/ZNDwFiXBvJykwHW7jhwxd0vXewd1wgQMlMDuPZ"
    "1lh5l+QXsO93CIW0Ed/c1v/TyuJL7ne6GIVpZDp7VaxCEeC5SZoFjUJz7KE8UDtbJ94qNE"
    "HE8POi58AFFMaBORXgX7MKSeNwJbUzg6LSG4gYgf5wH8OBvv4wTc3DPglQlvgRTyXkqHUZ"
    "FhmqflZpC+B8FVQR2Z7fXu9561WpcxHuesOZsBent11rjZ2tPQQyWuYsR9HHBrwFPI5Wfx"
    "jsTWCPe45M3ivZnpaLXz8GvMwVGGYcQ2fkGamA5nQuFB5fjFaTKyuWkHX31WUJAS6/6ypq"
    "r0t4qMrtLfKq0v4ctoE++4qNbjklUoWnmUHDzbCyU5Vt8WK57uGBzh9DKkNu08t5Q9ubV/"
    "gq2856a/AMvp/MwXpNZOUkE3ccJV32ibC9Uq9xTqzAWHpZayqxBe2Z63r0AndZ7bWMiGoW"
    "LKy8WUZ7IB2bxiNh2wCYzi/lGeREGoNYctT6QK4kNVAOGw+gaiu5eLId+bw5DvpcTnSaFS"
    "E4p/bbeuM7iQicisc8RNRf7Ve3xvEO054CIYMZcocabf7PF923FfBxs4SwuTWecG+bf/Ax"
    "I1U2E="
)

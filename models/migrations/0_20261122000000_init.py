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
            "id" BIGINT PRIMARY KEY,
            "order_id" INT NOT NULL REFERENCES "orders" ("id") ON DELETE CASCADE,
            "user_id" INT NOT NULL REFERENCES "users" ("id") ON DELETE RESTRICT,
            "status" VARCHAR(20) NOT NULL CONSTRAINT "order_events_status_check"
                CHECK ("status" IN ('pending', 'processing', 'completed', 'failed', 'cancelled')),
            "failure_code" VARCHAR(30),
            "actor_id" INT REFERENCES "users" ("id") ON DELETE RESTRICT,
            "created_at" TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
        );
        CREATE INDEX "order_events_of_order" ON "order_events" ("order_id", "id");
        CREATE INDEX "order_events_of_user" ON "order_events" ("user_id", "id");
        CREATE SEQUENCE "order_events_id_seq" OWNED BY "order_events"."id";
        CREATE FUNCTION "order_events_number"() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.user_id IS NULL THEN
                NEW.user_id := (SELECT user_id FROM orders WHERE id = NEW.order_id);
            END IF;
            PERFORM pg_advisory_xact_lock_shared(7261634, NEW.user_id);
            NEW.id := nextval('order_events_id_seq');
            RETURN NEW;
        END $$;
        CREATE TRIGGER "order_events_number" BEFORE INSERT ON "order_events"
            FOR EACH ROW EXECUTE FUNCTION "order_events_number"();
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
        DROP FUNCTION "order_events_number";
        DROP TABLE "order_items";
        DROP TABLE "orders";
        DROP TABLE "products";
        DROP TABLE "sessions";
        DROP TABLE "users";
    """


MODELS_STATE = (
    "eJztXe9z4jYT/lc0fGkyk2byO9fcO+8M4bgrvQRuAmk7bTpGsQXojZGoLYdj2vvf313ZBo"
    "xtYpNAHM4f7ibIWll+Vl5rH+1K/1SG0mK2u9+w2HAkFRPm5DObVC7IPxVBhwz+SKmxRyp0"
    "NJpdxwJF720twmd1jQc20Rfpvascaiq43qO2y6DIYq7p8JHiUqBUSzDiuYzIHqEExMj9hE"
    "i/zHlPPMH/9hjhgnS7O1i0h3V2u909Mh5wc8AemQMtm1BFERP6TtTAkV5/sI93t6QJt+ei"
    "v+4b+dKGkn2mBsyB2/35ZwVbwYvQTuWvv+APLiz2lbl4FX+OHoweZ7YVwZ1bKKLLDTUZ6b"
    "JL3m8I9VHXxae6N0xpe0Mxqz+aqIEUUwEuFJb2mWAOVQzvoBwPwReebQf6CvXh931Wxe/l"
    "nIzFetSzUYUo7XdgVlYxjGarY7TrHcOoxNQbSswpIigypcChAV11NQB97MKPPx0dHR+fHx"
    "0cn707PTk/P3138A7q6v7GL51/8zszQ8tvSmPW+NRodrBDEsafP0Cx4JuWoYr6UloZM/Qf"
    "/DEehb82oE4y+EH1BfThsRbRD7FeBn9YMMN/9sZsQgFD+tWwmeirAfw8Oj1dAu6v1Zvaz9"
    "WbHai1G4W4GVw68q8h2jN0HQZP6ipjQN1BHpgX5YqMd6X9c/XHo9MzNDNgCkjQ9x9cMmRU"
    "gAL2iJJEMdsGK+SwEVMcJUnPkUNChUTzEQqBUbLgFzbjosWB4RY3axu439KRcnaSYaCcna"
    "SOE7wUHSamw1CNBlXxQfIBrig+ZMkDJSq5MEysQHQ//KM4gyb7SwoPaLWEPQms8xLoO43r"
    "ertTvf6Ctxu67t+2xq/aqeOVI106WSjdOVtQ07QR8luj8zPBn+SPVrOu4ZWu6jv6jrN6nT"
    "8q2CfqKWkIOTaoNfchCUtD1CJaZ19HHFpbQetRyS3U+hvRcojJUjVLB0yMkTTLSZ3izIs8"
    "PdF5A/oM5jpHhyfnJ++Oz06mU5xpybKZTTiLmWGKE818kM5JlIgGiOKUvPeQOC0MZ/JRdD"
    "9Kh/G+AL9Ig9yAHlFhsgRQA2fqNmjmjYH7LRw9YenMojt0PPVh5gcVPDs8MVP+xK7arlU/"
    "1CtxO/ACmLbCdrYU1Hnjl4wqjtt7aj6MqWMZkQGMV+SRXCiZ1o1fGh4NF0uooH2NDj4Gdj"
    "qCewJjMFVIOlGgnykjPVAVRFfH+W3orccnwYm17sSd6MBcFr29ewqeP3f13Bb072kawGEm"
    "SO2Dx2+B805Vtwvz3okLDj8T/ix4zNiIuAPp2RaxpXwgVMGkmcgRC29I+6C8iztBewp/kb"
    "6DHMGIOVxapCexCCpb0E/s2B42gC1DUThjH0vngTkwYbcZdhJl8BG4ICNHmsx1QfY96XFB"
    "7TvhQ0cG9JERAdWw81QpNhwpF7pvSg/GFzFtyocu3AzuEjx0jwkTO6HkA/Z9/tbwJ/RqIE"
    "HtulT3I43WeA6P8b2QGM/8sKfTE2AMlecmu8514Q1jNjOC8kx6cw50JRj8lXyIV77Umx8a"
    "zU8X4ctzJ77ctGr1dtsvnL4Yd6LWuv5yVe/UP1zA6B+O0Dxad+JjtXGFRT3KbfxdqzZr9S"
    "tdZCI4NpQuWpFMvMhBFlrkIJ0VOVj0dpVU1M7H+U1FNjd3O8ipv2sOpgpJVeW+Jwfwh+K2"
    "Ni6+1QSjNFVW3JrnFX5FKnHu3Rzw0QgeAJ0h8JcS3tIO+5qi0CTZIpNcL+K51n/vRJzW8C"
    "XZua7+vhtxXK9azU9h9bmXqnbVulxQAr7unsMAWoutaiYX21hJEcFXZ91kY+u2Y7Q+Gu1O"
    "q/b5gsz/0gbzw22tY9w2q7+CNaxeXtUvSELhvGk16jc3rRtdLVKyiqk8zmIqj9NN5XHMVI"
    "YTnbhm20Nq26n2cl6usCYz7yTj+Oj8bGrQ8McyE9a+rl5dxW2WP+3Ny7fNpF6Aa9vMi/Jd"
    "Um2P4Cng42efh89JbO49OSz0ZLxclvi+lyW8kbWi1qOSpdaLovUE2xn0vmTUS0a9UORvGq"
    "N+A+P7plHrLCN/56m4eFzWAtkQtPDx8w2zqUqeAqRGhG0J+NHV6EcmkhyNPEhpJryODW0r"
    "Shz8qpcAqQHtbCtGQ/nIhs8fTG0lzYfroK0361fFoVr7GpX/AqYtVE1fzydWq4yZQcgW0u"
    "oqNtKhpsFC0Q8uGXBXSWeyT27k2CXUYUTC5InoyFKYmiQxoSu3hGtfVUCY9/sYt8pt28UV"
    "pSmJCo3gx0WvEFnwzfFXfrjlN+THgVHiDqBtC5p85C7cj9gwBu/ETrdb/7Xe7BhXrU/wr/"
    "YZg2Sxtd198ttA6l70mXL9dSWUIdTGJa0HIcdBqZBEIxquROnOcBduTzhIjulkj7jyTujK"
    "OM/0F9DCsDXs6ZC7LnMJhrDBxQso8qHAxxH4sCFge+TeU4AFFS6oDXSk+eMhV34lHQK3ju"
    "WuMmz3Zbn2bVoXW4Hr/X6WxEoWf5tZ/JJHS4f+bTIqWXg0+PLKnJTKvMhKnMqGXl+Y84AF"
    "hRmMBXOX9zosR0fxzCJsYhO7zTDWZaztNsTabmgUdxZcAxjIeiaPTYWuQxhJt8HxvIRDLE"
    "NIs7GIT4eQLg7wzTGzb2Fw55deG90b+6JunaZW+JhmlVlRK/PTkNws/NrpLU2dprFbIa/6"
    "FLk15XGzcVs2x8DjJqYIIn80crjJNPViyhEHJUzjp6fxetQ02QiGFpI6xKYYKm0OqOgjf+"
    "OzVrYfPn3PbTuZBtvETct452LFO48caXmmMvTvGLzpCcOLckXmdVZN0D7IRrss411irvnf"
    "HhWKq4Qc+NShPC9SOgwJDkNohQxtsfKxxHHZIkM8H7dNaN9hcas8pjOzvDTuO6t8IUK/sc"
    "erqDcqV9jIVD3/xQ0B9sjIu7e5O2C4TmSylJj8SMy+SJ5OP6+5Qmi9ZFde3liGH+5cqEaF"
    "SlxL5uR1mJNgHL4Arl9mLW0pstF3tlBudQh+glM9p5d0lzp4tIz+dFsOmQ5gwG16XAaOKK"
    "k65oA/ot/qu6k+NNYFkbZFggRgF76HNsHuEa4SNgV6iVYxhqTbBd2A02x1u4TBXN/2A0Vc"
    "bxhGbgSP+wNKY6jHNN7pfYQXIw7reRivQeH+faqgK5jmrKNJQsSM4F6GOWDmQ7e7qz39OQ"
    "E9V8KU56mEyyg8F3QO/X0d7+LQIdGDH8NFsAeKfVWld19A7z6vV1968/m8+fmexWBOT0Zd"
    "ENtgrnhlvR+ljWWhruAKvj0HPzD/AHWP9z0MEzQ9x8Gw8OWO/RNyxXDt/O9QHs9uJlFYP/"
    "71KLBg6rFCyM+CaJlwWpykqTLhtEw4LQPlyoTTUusrJpzGCLosyXwLC/Zl4lXREq/eDFbr"
    "5NDamIqg+xnj0MJLe8s4NNevlCffivfFj1z4e97phSRMZHJYD97RQbDrnU4m4rjVnZCeg6"
    "lD45SUqxUbC3ccjNYEr4fZPWSofOYNc7eQh9ONoksUbOG9T6rkkdrcgmLsAbhGc7v1gXiA"
    "ChlzNbgT4ebduCu6Xhh1pMJhSeiYTgijjs0xVM1lDHlA6KneqlBvCx4kYblyyO6lNQlDaL"
    "jSoTI6bGogbXYnwjvCzR32CJ2xyM7Nxxr56fzgAFrW2VTkZP/wZP9odx0c2+1t40MOks3z"
    "uLWPMqu8p09zbZX/9DzhP7O+E/538t9XYC38pAv/czX/IdKPvpx00yMq9w78UaktJOBefh"
    "d7HcwJ1lEkzOPSgY5KbQH3tgGeM3XDvXSYX2WfvQ1hfJLl5I6T9IM7TmLndpSOaDr0b9Ml"
    "yeKI2tRVBgZVr6D3RdlS829J8+VRHKtMyoqk5Ux0bTCjX0HNUcmSlC+ylsutzMqtzAoQ8P"
    "Xk4SCvE+wVZfeS6KpF+m8JaYVVjQjtmI278rOS/IMpF8Kp8m4WtHpT5eY3b3TzGxiHiuYw"
    "79P6pXFPWHSFWb2btISdbdeZmXSROTJ47EanUb26IFxwxfFcmeqHX27bnet6s3MBNuF/nq"
    "vQht2JdhX3m3GpzRbNTTa656W3BhJS5YsZDOpvHcuzFiatJHrS0d9ed397t+Z5ta/Ia+SG"
    "bTmkZWrYRrzZMonphZOYXvPQy4KZhGen3X1HG+G8OKiF3cZGw57AvITqSCdckFPKeowoHs"
    "kJrtk+aWrew2HI01gXePannwjnn/854CCoI2AcOdYUyWQ8YI6/50zPYXARI3bYkPKEfWrW"
    "cpfYMab+SZ3drn58Q1cybP7IoOEdSvxxOUuB63ZtOWbOjq63C3WCBAyUwNu7OssOM/389m"
    "zuYhd3/Dou0kf6fVxLfM/3QhGtLYdOazWPQzwVKDJBsapPfJoligdqpfvEp7E4nh7cOPcG"
    "RBGhbUR6HezDiLruGGxN7ui0mOAWIn6WBfCzdLzPYnBz18Dt8B+TMhWltBkVKaZ5Xm4B6X"
    "sQXBfUodne7HrvZat1FeFxLhuLGaC315f1m51DDT1U4ipC3EcBt4Y8gVx+Eu9QbINwT0ve"
    "LN7bmY5WqQVnvPtbGQYR23guPTFtjkdqmFTgOfZkPODmwD9LXkFBQqz785oq099KMrpMfy"
    "u1/gLnLc6847xaj0qWoWjFUbL/bq+U5FieWJg/3dHfwul5SG3bfm4Ja3IbP9ixuPumPwPL"
    "bUVxDYdgZMJzPt/1GanKs9TabXyBy5M0l0K1zjWaKnPAAawkrNIEV/aWrdPQWZ2nFmrSYS"
    "hXHoq18pDKrqTztOn0yjYwtEenWRIvodaS1YdY6iW+VDkQDqpvIbqHmVYcDpesOBwmxDtK"
    "oRITtH9pt5op3NJMZNHZ5KYi/+o10zeI9hJwEYyIixnbI3FxO8S9qO+IDVwmhR1tMuDg2/"
    "8Bx042qg=="
)

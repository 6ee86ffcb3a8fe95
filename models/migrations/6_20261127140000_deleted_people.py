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
    "eJztXW1z2zYS/isYfYk9o3ocvyV1bm5GsZXUjW1lLLnttL6hYBKScKYAlQCteHr577cLkJ"
    "IokrIkWzKt8EMbC8SC4LPgEvtgF/in0pce89XOmcf6A6mZcB++sIfKMfmnImifwR85Naqk"
    "QgeD8XUs0PTWNyJ8XNe5Yw/mIr1VOqCuhusd6isGRR5TbsAHmkuBUg3BSKgYkR1CCYiR2w"
    "cibVnwgYSC/x0ywgVpt7ewqIp1ttvtKhn2uNtj9yyAll2oookLfSe6F8iw29vBu3vShdtz"
    "0V31jay0o2WX6R4L4HZ//VXBVvAitFP5z3/gDy489o0pvIo/B3dOhzPfS+DOPRQx5Y5+GJ"
    "iyj7x7JvQnUxef6tZxpR/2xbj+4EH3pBgJcKGxtMsEC6hmeAcdhAi+CH0/0lesD9v3cRXb"
    "ywkZj3Vo6KMKUdp2YFxWcZzLRstp1luOU0mpN5aYUERU5EqBQwO6qgwAXezCTz/v7e3vv9"
    "vb3T96f3jw7t3h+933UNf0N33p3XfbmTFatimD2dnns8sWdkjC+LMDFAu+GxmqqZUyyhij"
    "f2fHeBL+kx4NssGPqk+hD481jX6M9Sz444Ix/uM3Zh0K6NNvjs9EV/fg597h4Qxwf6tdnf"
    "xSu9qCWttJiC+jS3v2GqI9Rjdg8KRKOz2qeovAPC1XZLwrzV9qP+0dHqGZAVNAor6/UaTP"
    "qAAFVImWRDPfBysUsAHTHCVJJ5B9QoVE8xELgVHy4Bc2o9DiwHBLm7U13G/mSDk6mGOgHB"
    "3kjhO8lBwmbsBQjQ7V6UFyClc077PsgZKUnBomXiS6E/9RnEEz/0sKD+g1hP8QWecZ0LfO"
    "LurNVu3iK96ur9TfvsGv1qrjlT1T+jBVunU0paZRI+T3s9YvBH+SPxuXdQOvVLobmDuO67"
    "X+rGCfaKilI+TQod7EhyQujVFLaJ19G3BobQmtJyU3UOuvRMsxJjPVLAMwMU7WLCd3ijMp"
    "8vhE5xXoM5rr7L09eHfwfv/oYDTFGZXMmtnEs5gxpjjRXAzSCYkS0QhRnJJ37jKnhfFMPo"
    "nuJxkw3hXgFxmQz6BHVLgsA9TImbqOmnll4H6PR09cOrboAR2OfJjJQQXPDk/MtJ3Y1Zon"
    "tdN6JW0HngHTRtzOhoI6afyyUcVxe0vduyENPCcxgPGK3JNTJaO66Uv9vf50CRW0a9DBx8"
    "BOx7gL1oKvaUveMVHJIA4S16uzaAPwwR38MIP3DHUXYA1MfXDT4VMjwJP3jUfPtSLRlHiH"
    "XDGPsT6oAZ32gPXlPVN2liyHVZj9erYwqsAVuPoUK6KUgqJsEmEN970RN6IF9dFRvaWKkZ"
    "4EpZB2G98x5dxL7kVwtdvHRtrwE26Pii7cihpSA3wA1qfcJzIgA6rUEMZSlXhcIfIKS+1o"
    "UjcC+2ZJDyY829WoBXsX+EfukKaElk2LGvvrc2iFC1Obi1v5zVArgsBsACYMinT5PRMkHM"
    "CDKQbwoLMBj/w4YTIIA5h2sPlJE9PJhd3KpNTzOJUvy6GsxDHLZ0tiPWViXhdhP2XDE/hP"
    "iBfao/9aazZ/b1ydOld1qHI8epccM65vRP2idnbuAGiXn+vH9pVz7Js4bT7mYl525yFedv"
    "N5l91pf9r0aJEXYySwlFqiEb9qraB5jC2NluSWkUEAdhYsnLVC1vRZPRgrnTbmyzXxCG82"
    "z1sHtWbwZiUhUhIiJSHyoxAipfNeOu8F8DMfdd5fyM007n2Wfxn7/TMcS6wypz9ZA08Oq+"
    "OXP14UTk8YMmulfDVuHShQf2hWmwPmgtQOeG8euDxUt9tE0Qd0+ph1ntSQsQFRPRn6HvGl"
    "vCPgXcH8Qw5YfEPaBd0d3wja0fiLdANcih6wgEuPdCQWQWUPPUroWBUbwJahKF4Yghnrnf"
    "HofIadRBl8BPDfYNLjwhQIZD+QDhfUvxEWOtKj9wzcNsGw81Rr1h9o8DiJK0MYXsT1Ke8r"
    "69BGD91hwsVOGN8qeWvrNFpHFktNP/Kcwacsl/8oa+VP5I/z/TowhTpUy7p1Y+n1eXWVaP"
    "BXFnXt6penZ5efj+OX50Z8vWqc1JtNWzh6MW7ESePi63m9VT89htHfH6B59G7EJ/D8sKgD"
    "jgL+PqldntTPTZGL4PhQWgwnUEtNM5zAWaElI5H1zTJ2F9TfBQdThbE7Wn0gu/CHNuQUi6"
    "wmGKWRstLWfFHhF4xYmXg3e3wwgAdwIsc1rdIW+5aj0CzZIjMvz+IP1P9oJVyB+CXZuqj9"
    "sZ1wB84bl5/j6hMv1cl54+OUEvB1DwMG0HpLs1/TbRSZa2lct5zGJ6fZapx8OSaTv4zBPL"
    "0+aTnXl7XfwBrWPp7Xj0lG4aRpdepXV40rUy1Rsoyp3J/HVO7nm8r9lKmMJzppzTb71Pdz"
    "7eWkXGFN5qKTjP29d0cjg4Y/Zpmw5kXt/Dxts+y0d1EWYyz1DAzGel6UH5LAuAdPAR9//n"
    "n4hMT63pO3hZ6Ml2Tvj032hgNvSa0nJUutF0XrGbYz6n3J/Zbc76vgfq9gfF+dnbRmkb+T"
    "VFw6/WeKbIha+PTlivlUZ08BchOPNgT85BrfPRNZjsYiSBkmvI4NbSpKHPyq5wDpDNrZVI"
    "wwxqz/9MHU1NK9u4jaerV+VRqqla9R2Rcwb6Fq9Ho+slrljA3CfDGQSrNBFK1iGnijSI8r"
    "LYOHHXIlh4rQwIauEBMgCFOTLCZ06ZZw7asGCPNuF9Mjue+PIgLjRvDjYlaIPPjm2JUf7t"
    "mGbLoRJaoHbXvQ5D1XcD/iwxi8EVvtdv23+mXLOW98hv9OvmAuJra2vUN+70nTiy7GFdpg"
    "RJAh1MclLQzMjEqFJAbReCXKdIYruL0J2BzShypREuMfTfwljRbQ4uwo7GmfK8VGwYvHUG"
    "ShwMcR+LAxYFVyG2rAggoFagMdGf64jwGeIs60WsVyV5kd+rxc+yatiy0T7fjDLImVLP4m"
    "s/glj5YP/etkVObh0eDLKxekVCZFluJU1vT6wpwHLCjMYDyYu3wwYTkmimccYZOa2K2HsS"
    "5TOjchpXONYfuTrgEMZDOTx6Zi1yGOpFvjeJ7BIZaZivOxiI9nKk4P8PUxs69hcC8uvTK6"
    "N/VF3ThNLfExnVdmSa1MTkMWZuFXTm8Z6jSP3Yp51cfIrRGPOx+3hdUnGakdcom70iCXNA"
    "i4ywwN48oBB4WYWGqbS0tdlw00ZnEpSXyqJ/Ji7ftEfRtDfct9P5sLW9udy8jnYkU+DwLp"
    "ha52zO8UvPkZk9NyRWZ4lkwn3tudj4CZxcCknPS/Qyo01xmbruUO5UmR0nXIcB1iK+QYU7"
    "UYX5yWLTLEkxHchHYDFpvjcRD3kI7N8swI8HnlCxEEjj1eRr1JucLGqJqZMO5AVyWD8Nbn"
    "qsdwxchlOdH5ieh9kT2xflpzhdB6ybM8v7GMP9wLoZoUKnEtOZSX4VCicfgMuH4dt7ShyC"
    "bf2UI52DH4Ge71hF7ynevo0eb0rJuyz0woA255ohg4oqQWuD1u9j2xbqqFxjsm0vdIlAqs"
    "4HvoE+xe5r5Yz9IqRpO02xL3ZBJeu00YzPV9GzKiwn4cwxE97huUxqCPUeTThwRDRgLWCZ"
    "XZDEuwLtXQFUx4NnElMWJOdC/H7TH3rt3eNi7+hICZK2Hy80hCMQrPBZ1Df99EvgS0T8zg"
    "x8AR7IFm33Tp3RfQu1/Uqy+9+cW8efzXydxCvSkDHX+NMmF2Nngr9VVAPdmzFNr5GcBTYm"
    "tM0K+s9vu/ttTfJbzu18elRF9agLrDuyHGZrphEGAs/mwO5RG5YnjR9pO/iBM9ligsZfJy"
    "bGM0y1sizmpKtMzyLU6mWjqwqszyfdbXpoxOzId6c6MTyyzfTdN6hu0c5RulCKTHMiinoi"
    "TKbLeiZbu9GqxWSVc2Mf9DZm76H1+qzqIrla20SJIb74qfuLAbDZo1O8weC1gH3tFetNWg"
    "yeDiuL+gkGGA+VrDnDy3JRuLt3lM1gSvh/kdJAMtyYkJc2YDaWw0cSZAjdxTn3tQjD0A12"
    "hii0QQj1AhQ657NyI+mAs3pzdr0IHUOCwJHdIHwmjgc4wPVIxFZwiY/SHNkV9R5puSfXYr"
    "vYc4TIlrE5VkYtV60mc3Ir4j3Dxg99AZj2xdfTohP7/b3YWWTQobOdh5e7Czt70KOvP6+u"
    "x0AT4zDLm3gzLLvKeP05qVf3VCYZ/Z3An/d/DvF2AtbKaL/VxNfojMo8/mN4tzDMJLTyZW"
    "fEKdiaAF6ygy5nH5QCelNoB7WwPPmbvLYT7ML7K54ZowPpjnVM6D/EM5D1JncpaOaD70r9"
    "MlmccR9anSDkayL6H3adlS869J8+WpEstMyoqk5bno2mhGv4Sak5IlKV9kLZf7x5X7xxUg"
    "tq6gZ4ck2b0sumqa/ptBWmFVJ0E7zsddxaeHdfCEjmTk2qI7NC3fVLnj0CvdcQjGoaYLmP"
    "dR/dK4Zyy6wqxeZS1hz7fVz1i6yBwZPPZZ66x2fky44JrjYT6101+vm62L+mXrGGzCf0Ol"
    "0YbdiGYNN/lR1C/IOZVC6sXCM6P6G8fyrIRJK4mefPQ3193f3P2QXuwr8hJpeBsOaZmFtx"
    "ZvtswXe+Z8sZRZeAZo501xLJhJeHKG4w+0+9Czg1rYvYMM7BnMS6yOfMIFOaV5z27Fc1DB"
    "NdshJj5HDsfhOAFDysY7xrNXbfqhPX+1x6ENjJvBWg/DHguYDQiKtnke5RqahgmMrgezsX"
    "VW6uN6b586bdYeqNpuG8Acc2S94/N7BrfZosSO5HF+YrttasDF6BZYFTuttqtk2ONuz8QD"
    "8W5Pk1tmdruCjt0II4WXbICT7QwGRgV96uMuWP3qVB+ilMq4VZdqKMFDb6k2EU3wqGMRny"
    "vEZQt6dCPwxxtlU0S3LS6jpgN45Hb72DRjA65wB/ApeAehNsmZsg9jJzrk1sDp46G58OCm"
    "h1WbdwrN34gBVWoIN7R3s2pTox3D34zCs5Q963Z8NgXBky7KZM8CJnsaHS9CJ4wEikzvLM"
    "soHM4TAwW18hmFw1QUVAduvPBOWQmhTUR6FdzNCLQlsmtTsiXo84EefxMWDqhMCW4g4kfz"
    "AH6Uj/dRCm6uHDw24z4ruVZKn1GR8z2clJtC+hYEVwV1/K1cb4jCx0bjPEE9fjybTlq+vv"
    "hYv9p6a6CHSlwn1pqSgHt9nrEe8ijesdga4R6VvFq8NzODsnIiQ4Ax3ug0SjKAOT4lrs/x"
    "6B2XggdDHyI/wEzHNRRkpGc8rakyY7NcPykzNkutP8O5rGM2YVGtJyXL6MniKDkjFBrJpG"
    "WUnBB8NTqu/B5vbauGjA1Ij3rk1qcCE/8ME0gVfEx7fDBABjLKorHRZtGojskwu3lb1gb5"
    "z3+DDRt/S+WFlyfrLp4hDpNDB18/x6Q3PjWfXrAWtNXCpjYWMPPOPRGnDdueNSPuY+0nNh"
    "f3QJQnYLmpKK7gdKu58JzcU+EJ22GMt2/YxBe4PCJ7JlSrjAOosYC7vUpGJEB0pTorFoCO"
    "6zwWDJAPQ7k+W6z12Vw6NH9hJZ8P3YQllb3DeZL7odaMNdpUej++VAsgHFXfQHTfzrVE+H"
    "bGEuHbjJh6KXTmJiC/NhuXOWTwWGSaOeCuJv8jGP3yCtGeAS6CkfDJU/vwTm+5W00629jA"
    "x6zQ1nUGtX3/P0dAgDg="
)

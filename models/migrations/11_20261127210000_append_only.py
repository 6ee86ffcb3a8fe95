"""What is noted of orders and of stock is added to and never rewritten, whoever runs the statement.

The role of the application has no right to (decision 22); the trigger holds for the owner of the tables too, who is
the application where there is one address for everything. A migration that has to fill a column disables the trigger
in its transaction.
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        CREATE FUNCTION "append_only"() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION '%: rows of % are added, and neither changed nor removed', TG_OP, TG_TABLE_NAME
                USING ERRCODE = 'restrict_violation', HINT = format(
                    'The owner of the table can disable the trigger %I for a transaction.', TG_NAME
                );
        END $$;
        CREATE TRIGGER "order_events_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "order_events"
            FOR EACH STATEMENT EXECUTE FUNCTION "append_only"();
        CREATE TRIGGER "stock_movements_append_only" BEFORE UPDATE OR DELETE OR TRUNCATE ON "stock_movements"
            FOR EACH STATEMENT EXECUTE FUNCTION "append_only"();
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP TRIGGER "stock_movements_append_only" ON "stock_movements";
        DROP TRIGGER "order_events_append_only" ON "order_events";
        DROP FUNCTION "append_only";
    """


MODELS_STATE = (
    "eJztXWFz4jjS/isqvmzmik1lMpnMXuatq2IyzGxukjAVmN2rO66MsAXoYiTWEmGou/3vb7"
    "dkA8Y2MSQQw/jD7gRZLcndstT9qLv138pQesxXx1ceG46kZsKdfmHTygX5b0XQIYM/MmpU"
    "SYWORvPnWKBp1zckfF7XuWdT85B2lQ6oq+F5j/qKQZHHlBvwkeZSIFVDMDJWjMgeoQTISH"
    "dKpC0L3pOx4H+MGeGCdDpHWFTFOq86nSqZDLg7YA8sgJZdqKKJC2MnehDIcX9wjL170oXu"
    "uehvuyNL7WjZZ3rAAujuX/+qYCv4ENqp/Pvf8AcXHvvOFD7Fn6N7p8eZ78X4zj0kMeWOno"
    "5M2QfevxL6k6mLb9V1XOmPh2JefzTVAylmBFxoLO0zwQKqGfaggzEyX4x9P5RXJA879nkV"
    "O8oFGo/16NhHESK1HcC8rOI4t42W06y3HKeSEG9EsSCIsMiVAqcGDFUZBvRxCD//9fT0zZ"
    "t3pydvzn95e/bu3dtfTn6Buma8yUfv/rSDmXPLNmV4dvX56raFA5Iw/+wExYI/DQ3V1FIZ"
    "Ycy5f2/neJz9lwMapDM/rL7EfXitZe5HvF7F/qhgzv/5F7MLAQzpd8dnoq8H8PP07dsVzP"
    "2tdnf5a+3uCGq9irP4Nnx0ap8ht+fcDRi8qdLOgKrBOmxepisyvyvNX2s/n749x2UGlgIS"
    "jv0nRYaMChBAlWhJNPN9WIUCNmKaIyXpBXJIqJC4fEREsCh58AubUbjiwHRLLms76G/lTD"
    "k/yzFRzs8y5wk+ik8TN2AoRofq5CT5CE80H7L0iRKnXJomXkh6HP1RnEmT/yOFF/Qawp+G"
    "q/MK1reuburNVu3mK3Y3VOoP3/Cv1qrjk1NTOl0qPTpfEtOsEfL7VetXgj/JPxu3dcNeqX"
    "Q/MD3O67X+WcEx0bGWjpATh3oLG0lUGnEtJnX2fcShtQ2kHqc8QKnviZQjnqwUswxgiXHS"
    "tJxMFWeR5HFFZw/kGeo6p6/P3p398ub8bKbizEpWaTaRFjPnKSqa67F0gaLkaMhRVMl796"
    "lqYaTJx7n7SQaM9wXYRYbJVzAiKlyWwtTQmPoWNrNnzP0zmj1R6XxFD+hkZsMsTip4d3hj"
    "pq1iV2te1j7WK8l14Bl42ojaOVCmLi5+6VzFedul7v2EBp4Tm8D4RJ7KpZJZ3eSj4elwuY"
    "QK2jfcwdfAQUd8F6wFu2lL3jNRSQEOYs+rq2ADsMEd3JjBeoa6a6AGpj6Y6bDVCLDkfWPR"
    "c61IqBIfkzvmMTYEMaDRHrChfGDKaslyUgXt17OFYQWuwNSnWBGpFBSlgwg76Lct2qIF9d"
    "FQ7VLFyECCUEing9+Ych4k90J2dToXhtrgE+6Aij50RQ2oATYAG1LuExmQEVVqAnOpSkbB"
    "bDTmaZV4XKEsVFtARTvB7HMLgzDhzX9Cm7Zf+Ecek6aEvkwfGt/A50DJhanNRVd+N2CLIK"
    "AfgAqhSJ8/MEHGI3hVxTR0iPYHcOGY1Ihgk9koCfURmfEZjYZqOrWdaHpvXtG+bGT32DfF"
    "uf04IDMaB6DWsPygjOl9bbM1TvU8RuvLYjRbMfyy0ZhITqk8r4vxMLFHxPi/QF5oxOBrrd"
    "n8vXH30bmrQ5WL2VfgmK+kLeo3tatrB5h2+7l+YSe6Yyd/9Oyu/lv9rhU9C3At0MtLVy7U"
    "5yQP6HOSjfmcLNvyZkTrfDQzgo1EFn4N25YYLs3RmqYl6TK7qsLqatc7uxhFCxTsEMmNZL"
    "MmHsHs8nyRUGsFZleCMSUYU4IxPwoYUwIHJXBQABv3UeDghUxcAy2k2bYR5rDCqMUqOW3Z"
    "GliRWB13/uhAOqkwpNZK2Incmksg/rExjQLmAtUxWI4emENUdzpE0SkanMyaaWrC2IiogR"
    "z7HvGlvCdgYoH+IUcs6pD2QXYXbUF7Gn+RfoDH4CMWcOmRnsQiqOyhNQsDq2IDxiIDMzc0"
    "zkCbvTe2I1h0MEikwVcASxGUHhdUIKB9T3pcUB+NUGQdGYDtRwRUw8FTrdlwpMHaJa4cw/"
    "Qirk/5UFljOnzpHhMuDsLairGureVojWgsNePIMhSfclT/o5zTPxG7zrb5YCnUY7WpyTen"
    "3p3FVwknf2Vds69++/Hq9vNF9PG0xde7xmW92bSFsw+jLS4bN1+v6636xwuY/cMRLo9eW3"
    "wCyw+LemAo4O/L2u1l/doUucgcH0qLYQRqqWmKEbjKrWVGsjst42RN+d1wxMugC63ekxP4"
    "QxsYjIWrJixKM2ElV/N1iV/QW2bh2xzw0QhewAkN16RIW+x7hkDTaIuMyjyLPVD/RytmCk"
    "QfydFN7R+vYubAdeP2c1R94aO6vG58SDjR9FjAwsUvvwfNAlHRkRXX50ygBwvi67Dkd63S"
    "M/s6oGFJrOPKTCOK8GlQGxBAJ0czfz4YHigQVqlwZnzodF6lYzK77HzlMvz6JM86DLUyF2"
    "LzLD55cK8YBwxmhrcxrLrcRpGnU+Nby2l8cpqtxuWXC7L4y+y2H79dtpxvt7XfYCutfbiu"
    "X5CUwsV92anf3TXuTLVYySb77Js88n2TLd43CelGWnJSss0h9f3MzXaRrrD77boa6pvTd+"
    "ez3RB/rNr/mje16+vkhmdtpnUhsDnVM8Bfu/lQfkj06wEWZXz9/EbcAsXuvpPXhbbkypOC"
    "H/ukYDzyNpR6nLKUelGknrJ2hqMvDw7Kg4O9ODi4g/l9d3XZWnVysIjjJuPWlpCqsIVPX+"
    "6YT3W6CpAZMXcgzI8fED8wkWZorMMpc4xSx4YOlUsc7KrnYNIVtHOoPELnyOHTJ1NTS/f+"
    "Jmxrb+2qJKu2fsBpP8CsU87Z5/nIUaczXxDyOe8qzUahq5Np4CdFBlxpGUyPyZ2cKEID6/"
    "dEjGcrqCZpMPrGLeHBaQ04zPt9jOvlvj9zXI0aMYgeHi96sOfYY0Pu2YZsnBwlagBte9Dk"
    "A1fQH/FhDrbFUadT/61+23KuG5/hv8svGESMrb06Jr8PpBlFn2kV+swCTejvih7FYamQxH"
    "A0Bi9yBd0bT+MJnVaJkm2hreMwDU9fo7A+HOmQK8UUCV1sL6DIsgJfR+DLRgyrku5YAy+o"
    "UCA2kJE5fBiiZ7KIQgS3cVZahjU/70HNIR2qbuJG+8Ocp5Yo/iGj+CWOls36/URU8uBosP"
    "PKNSGVRZKNMJUdfb6g88AKChqMB7rLe+PTZVzA5u5ZCcVuN4h1GYt8CLHIO/RMWDQNYCIb"
    "TR6bikyHyA1zh/N5BYZYhtjmQxEfD7FdnuC7Q2b3YXKvT701uDexox6cpDbYTPPSbCiVRT"
    "VkbRR+6/CWgU6z0K0IV30M3JrhuPmwLay+iEgdk1tMp4RY0ijgLjMwjCtHHARiHPFtEDh1"
    "XTbSGAKoJPGpXgjott8T9a0Dfpf7fjoWtrOeS7f5YrnNjwLpjV3tmN8J9mY7hi7TFRnh2T"
    "BO/TSXI+XpCkfK06Qj5R9jKjTXKdkCM6fyIklpOqSYDtEq5Jilaj28OElbZBYvuv8T2g9Y"
    "tBzPIwAmdL4srwwfyEtfiAgCHPEm4o3TFdZH1WjCmDqxSkbjrs/VgOGJkcsyQjtioR8iXb"
    "F+WnOFkHqJV+8GrwZFP4y9tHPDnmSgql+154hcGQ0RzLRw37+A8h5MMR/eGRYUH7NRQE2O"
    "rVB7SIgmHKq/sSiIx8MXtuDd/gCvYwSZf8+N0RQZXfrKmcvCs19UqMEww/+ZXNWhrOxDXN"
    "fl2JwLK3R5SC4aT2uqhFz3Tm+KdPi1uBonKvlawqkvA6eG8/AZ+Pp13tKBcjb+zRYKa4uY"
    "n4K0LcglG2cLXy0nyNaUQ2a8mjB1lmK+f0xqgTvgJn+WRawsazxQcHyPhCklFKjGPsHhpe"
    "Z2fJZW0bGs05GY9094nQ5hYPb71ntMjYeREhW+7k/K7rxk5gT5PgaWk4D1xspkOxSsTzUM"
    "BRNnGBeziGNO2JfjDph73+m8MmjfAoExmzCJxoxCMQrvBYND6M84wQV0GEarSmtEavZdl0"
    "BfAYG+dQG+EthbD9jDf53Ua0CaMtDRbpTKZueArwPZBqsXR5bgdnYmiSWyHSZ6qWx3/99Z"
    "CokNALj9g1XDnRZY3eP9Mbppu+MA0y+kJONcg64QgFq45a9jRM8pCouevtzBQ6jlbeByuU"
    "RaBvwXJ2g16WNZBvw/62dTOipns/pwHZXLgP9Dk3rK2jkLPUwASI8FUy85TJWBr0ULfN0b"
    "Xm0TrmxiKJhMvbgmelRdBVcqW2mdeFfeFz9zYRPWmnNUDCQNWA++0cHi9SYc89QKOQ4wdH"
    "OSEfK6YWNRuuB4TbB6mN9DMNCCnBg7ay4iwEZj99rUyAP1uQfFOAIwjRZS7QJ5yBUy4XrQ"
    "FtHlkngBijlrDKTGaUnohE4Jo4HP0VVYMRbeg2PyDJtrK8PTSyWHrCu9aeSxyLVxUDRuqw"
    "Pps7aIeoTOA/YAg/HI0d2nS/LXdycn0LKJZiVnx6/Pjk9fbQPO/Pbt6uMaeOZ4zL1jpNnk"
    "O30c1qz8X28s7DubnvB/Z397AdTCHu7b7WpxIzKvvhrfLM5VOy+tTGz5llXjTA+ro0jR47"
    "IZHac6AOxtBzhnZrbcbDa/SJLcHfH4LM/N0mfZF0ufJe6VFkxjGMNaxyJzkuIyuNKwWGQ4"
    "Gy7MxjpPB2E+Q+OrxTB9BUZ1eOwBvfwXL3dO0SCeq9Udi7nEG7K/sP20PPPgDT5V2sHYpQ"
    "3kvkxbSn6fJF9eQpUp9T2Rci5UPjTcNhBznLI8eymylMuMoWXG0AK4UBb0qrE4iJuGSi6j"
    "vCuwSazqxNDlfBDl/EJluuyguG5Ovs2aQngySpBn78y23pHze7vmbc1u0o5l57OJ+WZ59S"
    "5M+YwV0dVpURREl7lyyNrigSsOzIslAAz9QHiAefOOSepl3EucdhYSyeK13HjxNcbGk9CF"
    "855NTfRWmUtvn3Ppwfem6Rrb2Kx+uYllezI55m7BNbiaoCsyd21cngm3EmQQntmkhHtmV9"
    "uyFMCGVGl+MflCM+fURQbe4bWvWle16wtY5rnmeNNk7ePfvzVbN/XbFizW3n/GSuM63hbN"
    "GgZlYlTksojyYcjPne9RwJ6yFrgZ1i8uslkkeH4p/fs6jE4hLXJc8ocpmQy4a8Feq5q4oK"
    "QovKkVlZXZJxAexSIwjAGieAbcNae0Q+ox+zC5ej17649cdp8HX4ZaKy67LxHmEme8OOTU"
    "my+n1r1AmPeBs7SM8t4JjFbGIz9zPHJiWXgG1uYNoS/YkvDkCPofKNHlszO1sGkqDdtTIN"
    "9IHNlIL4LZOfHdGhlBXSkskhnIydzdM2CIYHoXpNMJw9tBi+10yACsG3OdMdaaTjCTjEVc"
    "wxtFZrHspmECs2tq7lBJC63fbfeRm2sCsDUMc9iQct/x+QODbo4oid3WDE11OqYGPAy7wK"
    "o4aPWqGpo46G/K+wMDIWNiVRhYWxgqfGQdaO1g0PE2GFIfszANq0tjCEP2o1ZdqqFEwa8Q"
    "B4JXnZP4XCFfjmBEbYE/8JJqXCleWb7Mmg7glRF/xmasQy9eNrPE3tFYm+B/OYS5g6B4CH"
    "6PfOoa4N6MsGrzGkDzbTGiSk2gQ9ubFZua+Q39NHP/Veb5gmmMwLcqkwkUMJmAkfE6gMeM"
    "oMhI36bg0ts8PrZQawWikPCyDZgrcf1y1mZ1krLI0BIut+htFXkVzjOMgZJoEqjAn76EZR"
    "v+/Yt5pb+YPUDqC7NK4hJtgwWIGsiJgCfG9d+0g9UVZmXBKIEggcrutve2QCjkmNwCl4jZ"
    "lxabjDrsTmF1NRuCDPBHmGvbC7MzU2/IBcfJCHtFHrRrC3OzBy+wdsLgGNEhrgLbgJhnTN"
    "sgs0iCtmR6PqZH+srawSQJwgPk+Hkehp9n8/s8eYyiHLw98CEtsYiUPqMiQ1dbpFvidBcI"
    "t8XqSI/brd/eh0bjOgaLf7haTtjy7eZD/e7otWE9VOI65pgQZzjuIhvwOyLbIbtnJXvL78"
    "PMHlG5lGN0jQrvewgDLEHrocT1OZ7WmUM8Gh3uGVNRQ0FKaOrTmiqzVZRne2W2ilLqG2ar"
    "iGeWi5CudaUepyxDCooj5JT4IAQ6NxFyjHBvZFz5PbrhQ00YG5EB9UjXpwKTHugIAFEDPh"
    "ohOh4hIcYFO5zVEVBrE9em+R8+fwcHNv82yomz5Cb2xIQvV/PWvlhEYM82nlzZcUA5dPDz"
    "c0xqh6fmEhKsBW21sKmDZZj55p7IpwNLTZ/ik8Qenp5yybCp/pAv31Jx74V8Ai8PlYtbuO"
    "Q3Fz8X80ltztGF1FWH+AG/UMK0Ymrwu82XVmMBdweVFC+V8El1lZ8Kndd5zFElmw2l70Cx"
    "fAcy4dDsg5VsPPQQjlS2EpGAH9UaHA6rHyB3X+c6Iny94ojwdfKIEHrUqQnQ/t5s3GaAwX"
    "OSZeSAu5r8j6Bn1h5yewVzkRkxmzxxB8HydQPVuLGNDXxIc7vepcPln/8PMIOxfA=="
)

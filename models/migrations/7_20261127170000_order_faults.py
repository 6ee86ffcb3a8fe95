"""Items of a failed order tell which products it failed for, and how much of each there was.

The index is for the list of what failed for a reason: of 25,000 failed orders among 500,000, PostgreSQL would else look
through all for a reason that is rare (0.1 to 0.7 s instead of 0.5 ms).
"""

from tortoise import BaseDBAsyncClient

RUN_IN_TRANSACTION = True


async def upgrade(db: BaseDBAsyncClient) -> str:
    return """
        ALTER TABLE "order_items"
            ADD COLUMN "failure_code" VARCHAR(30) CONSTRAINT "order_items_failure_code_check"
                CHECK ("failure_code" IN ('OUT_OF_STOCK', 'PRODUCT_UNAVAILABLE')),
            ADD COLUMN "available" INT CONSTRAINT "order_items_available_check" CHECK ("available" >= 0),
            ADD CONSTRAINT "order_items_short_has_available"
                CHECK (("failure_code" IS NOT DISTINCT FROM 'OUT_OF_STOCK') = ("available" IS NOT NULL));
        CREATE INDEX "orders_by_failure" ON "orders" ("failure_code", "created_at" DESC, "id" DESC)
            WHERE "failure_code" IS NOT NULL;
    """


async def downgrade(db: BaseDBAsyncClient) -> str:
    return """
        DROP INDEX "orders_by_failure";
        ALTER TABLE "order_items" DROP COLUMN "failure_code", DROP COLUMN "available";
    """


MODELS_STATE = (
    "eJztXeFz2jgW/1c0fGl6w2bSNE176c3N0JR2s01CJ9Ddm1t2jGIL0MVIrCVCmbv93+89yc"
    "YY2wQIIYb6w26DrCfJT/LTez+99/TfykB6zFeHFx4bDKVmwp18YZPKGflvRdABgz9yalRJ"
    "hQ6H8XMs0PTWNyQ8ruvcsYl5SG+VDqir4XmX+opBkceUG/Ch5lIgVUMwMlKMyC6hBMjI7Y"
    "RIWxa8JyPB/xwxwgXpdA6wqIp1XnY6VTLuc7fP7lkALbtQRRMXxk50P5CjXv8Qe/ekC91z"
    "0Xvqjiy1o2WP6T4LoLvff69gK/gQ2qn88Qf8wYXHvjOFT/Hn8M7pcuZ7Cb5zD0lMuaMnQ1"
    "P2gfcuhP5k6uJb3Tqu9EcDEdcfTnRfiikBFxpLe0ywgGqGPehghMwXI98P5yuaDzv2uIod"
    "5QyNx7p05OMUIrUdQFxWcZzrRstp1luOU0lNb0QxMxFhkSsFLg0YqjIM6OEQfvr78fHr12"
    "+Pj16fvntz8vbtm3dH76CuGW/60du/7GBibtmmDM8uPl9ct3BAEtafXaBY8JehoZpaKjMZ"
    "Mffv7BpPsv+8T4Ns5ofV57gPrzXP/YjXi9gfFcT8j7+YbUzAgH53fCZ6ug8/j9+8WcDcX2"
    "s35z/Xbg6g1sski6/DR8f2GXI75m7A4E2VdvpU9Vdh8zxdkfldaf5c++n4zSmKGRAFJBz7"
    "C0UGjAqYgCrRkmjm+yCFAjZkmiMl6QZyQKiQKD4iIhBKHvzCZhRKHFhuabG2hf4WrpTTky"
    "UWyulJ7jrBR8ll4gYMp9GhOr1IPsITzQcse6EkKeeWiReSHkZ/FGfRLP+Rwgt6DeFPQum8"
    "gPWti6t6s1W7+ordDZT60zf8q7Xq+OTYlE7mSg9O56Zp2gj57aL1M8Gf5N+N67phr1S6F5"
    "ge43qtf1dwTHSkpSPk2KHezEYSlUZcS8w6+z7k0Noas56k3MNZ35FZjniycJplACLGydJy"
    "clWcWZKHFZ0dmM9Q1zl+dfL25N3r05OpijMtWaTZRFpMzFNUNFdj6QxFydGQo6iSd+8y1c"
    "JIk09y95MMGO8JsIsMky9gRFS4LIOpoTH1LWxmx5j7V7R6otJYogd0PLVhZhcVvDu8MdNW"
    "sas1z2sf65W0HNgATxtRO3vK1Fnhl81VXLe31L0b08BzEgsYn8hjOVcyrZt+NDgezJdQQX"
    "uGO/gaOOiI74K1YDdtyTsmKhnAQeJ5dRFsADa4gxszWM9QdwXUwNQHMx22GgGWvG8seq4V"
    "CVXiQ3LDPMYGMA1otAdsIO+ZslqyHFdB+/VsYViBKzD1KVZEKgVF2SDCFvpti7ZoQX00VG"
    "+pYqQvYVJIp4PfmHLuJfdCdnU6Z4ba4BNun4oedEUNqAE2ABtQ7hMZkCFVagxrqUqGwXQ0"
    "5mmVeFzhXKi2gIp2gdnnFgZhwot/Qpu2X/hHHpKmhL5MHxrfwOdAyYWpzcWt/G7AFkFAPw"
    "AVQpEev2eCjIbwqopp6BDtD+DCIakRwcbTURLqIzLjMxoN1XRqO9H0zryifdnI7rFvimv7"
    "YUBmOApArWHLgzKm95XN1iTVZozW58VonsTwy0djonnK5HldjAapPSLB/xnyQiMGX2vN5m"
    "+Nm4/OTR2qnE2/Asd8JW1Rv6pdXDrAtOvP9TO70B27+KNnN/Vf6zet6FmAskDPi66lUJ+j"
    "ZUCfo3zM52jeljcjWuWjmRKsNWXh1/DUM4aiOZJpWpJbZqUqSFcr76wwigQU7BDpjWS9Jh"
    "7A7Jb5IqHWAsyuBGNKMKYEY34UMKYEDkrgoAA27oPAwTOZuAZayLJtI8xhgVGLVZa0ZWtg"
    "RWJ13PmjA+m0wpBZK2UncmsuwfSPjGkUMBeoDsFy9MAcorrTIYpO0OBk1kxTY8aGRPXlyP"
    "eIL+UdARML9A85ZFGHtAdzd9YWtKvxF+kFeAw+ZAGXHulKLILKHlqzMLAqNmAsMjBzQ+MM"
    "tNk7YzuCRQeDRBp8BbAUQelxQQUC2vekywX10QhF1pE+2H5EQDUcPNWaDYYarF3iyhEsL+"
    "L6lA+UNabDl+4y4eIgrK2Y6NpajtaIxlIzjjxD8TFH9T/KOf0jset8mw9EoR6pdU2+mHp7"
    "Fl8lXPyVVc2++vXHi+vPZ9HH0xZfbxrn9WbTFk4/jLY4b1x9vay36h/PYPUPhigevbb4BJ"
    "YfFnXBUMDf57Xr8/qlKXKROT6UFsMI1FLTDCNwkVvLlGR7WsbRivN3xREvgy60ek+O4A9t"
    "YDAWSk0QStPJSkvzVYmf0Vtm5tvs8+EQXsAJDdf0lLbY95wJzaItMiqzEXug/q9WwhSIPp"
    "KDq9q/XibMgcvG9eeo+sxHdX7Z+DA3Cfi5jwIGrPXWRsbm2ygy1tL41nIan5xmq3H+5YzM"
    "/jIC8+O385bz7br2K0jD2ofL+hnJKJwVrU795qZxY6olStYRla+XEZWv80Xl65SojBSd9M"
    "w2B9T3c+XlLF1hReaqSsbr47enU4GGPxaJsOZV7fIyLbOs2rsqihFTbQDB2M6H8kMCGPdg"
    "KeDrL6+Hz1Bs7zt5VWhlvAR7f2ywdzT01pz1JGU560WZ9QzZGY6+xH5L7HcnsN8bWN83F+"
    "etReDvLBSXDj2aAxvCFj59uWE+1dkqQG7Q054wP3nGd89ElqGxCqcMEl7HhvaVSxzsqk0w"
    "6QLa2VceoX/b4PGLqamle3cVtrWzdlWaVU9+RmU/wLyDqunn+cBplRMLhOX8L5Vmw9BbxT"
    "TwQpE+V1oGk0NyI8eK0MC6rhDjnAiqSRYSunZLePZVAw7zXg9DM7nvT30Po0ZwczEnRB7s"
    "Ofbkh3u2IRvqRInqQ9seNHnPFfRHfFiDbXHQ6dR/rV+3nMvGZ/jv/AvGgWJrLw/Jb31pRt"
    "FjWoVuj0ATuiyiU2hYKiQxHI1OosxguILujbPomE6qRMm20Nb3k4YHaFFkFo50wJViioRe"
    "kmdQZFmBryPwZSOGVcntSAMvqFAwbTBHBj8eoHOpiKK8nuK4q4xM3SzWvk/nYut4Qv4wR2"
    "Ilir/PKH6Jo+WzfjcRlWVwNNh55YqQyizJWpjKlj5f0HlAgoIG44Hu8t645RgvntjDJqXY"
    "bQexLsNJ9yGcdItu+7OmASxko8ljU5HpEHnSbXE9L8AQyyjJ5VDEh6Mk5xf49pDZXVjcq1"
    "M/Gdyb2lH3bqbW2EyXpVlzVmbVkJVR+CeHtwx0moduRbjqQ+DWFMddDtvC6rOI1CG5xow4"
    "iCUNA+4yA8O4cshhQowvtY3jpa7LhhqjuJQkPtUzMbn2e6K+9aG+5b6fjYVtrefS87lYns"
    "/DQHojVzvmd4q9+RGT83RFRnjWDDU+PloOgFmEwKSM9D9HVGiuMxK+5S7lWZLSdMgwHSIp"
    "5BhRtRpenKYtMotnPbgJ7QUsEsexE/eYxmJ5oQf4svSFcALHEa8zvUm6wvqoGk0Ys99VyX"
    "B063PVZ3hi5LIc7/yE977IVqwf11whZr3Eq7eDV4OiH4bP2bVhTzJQ1a/ac0SujIYIZlq4"
    "759BeReWmA/vDALFx4QCUJNjK9QeEqIJh+pvdBJp9cqstfXU3u338DpmIpffcxM0RUaXvn"
    "LmsvDsFxVqMMzwfybdcDhX9iHKdTky58IKXR7SQuNxTZWQ687pTZEOvxJXk0QlX0s49Xng"
    "1HAdboCvX+OW9pSzyW+2UFhbxPwMpG1mXvJxtvDVlgTZmnLAjFcTZj9SzPcPSS1w+9ykQL"
    "KIlWWNBwqO75EwK4AC1dgnOLzM9HwbaRUdyzodianbhNfpEAZmv2+9x9RoEClR4eu+UHbn"
    "JVMnyPcJsJwErDtSJmGdYD2qYSiY+8C4mEUcc8K+HLfP3LtO56VB+2YIjNmEeRCmFIpReC"
    "8YHEJ/xgkuoANiFj/6kJmUeey7LoG+AgJ9qwJ8JbC3GrCH/zqZNzk0ZaCj3SiTzc4e3+jw"
    "FKyeHVmK2/nJAObItpiro/K0+//WsgCsAcDtHqwa7rTA6i7vjdBN2x0FAYblLIZTH6ArBK"
    "AWbvmrGNExRWHR0+c7eAi1vDVcLudIy4D/4gStpn0sy4D/jX42paNyPqv311G5DPjft1nP"
    "kJ3T0MMUgPRQMPWcw1QZ+Fq0wNed4dVTwpVNDAWTmXePRI+qi+BKZSutEu/Ke+InLmzOUX"
    "OOioGkAevCN9qfvaGCY6pRIUcBhm6Oc0Je12wsyviarAlWD/O7CAZakBNjZ00ueWw0cTVJ"
    "jdxTn3tQjCMA02gmWyqQh1whY677bRHdD4h3WJizxkBqXJaEjumEMBr4HF2FFWPhVSYmVa"
    "y5eTA8vVRywG6lN4k8Frk2DorGbbUvfdYWUY/QecDuYTAeObj5dE7+/vboCFo20azk5PDV"
    "yeHxy6eAM799u/i4Ap45GnHvEGnW+U4fhjUr/+iOhH1n0xP+7+Sfz4Ba2MN9u13NbkTm1R"
    "fjm8W5LeW5lYknvijTONODdBQZelw+o5NUe4C9bQHnzE14ms/mZ8lzuiUenyxzOfBJ/t3A"
    "J6mrgQXTGMaw0rFITFJcBlcaFosMV8OZ2VjjdBDmMzS+WgzTV2BUh8fu0ct/9n7eDA1iU6"
    "1ueZpLvCH/C9tNy3MZvMGnSjsYu7TGvM/TljO/SzNf3iOUO+s7MstLofKh4bbGNCcpy7OX"
    "Is9ymTG0zBhaABfKgt4WlQRxs1DJeZR3ATaJVZ0EurwcRBnfiUvnHRRXzcm3flNljrkdzT"
    "EH61DTFcT7tH4p3DPO1kGrV1meCssFy8XURYZC4bUvWhe1yzPCBdccr2+rffzlW7N1Vb9u"
    "nYFM+M9IaZRhbdGsYZgcxqnNi5vlUL1NZ+ATUq/mhRvWLy7WVCTAtAR68rm/v+b+/mbAe7"
    "Zd5DmiLfecpWWw5Vas2TIscMNhgSmxsAHWLhvJWjCR8OhA1h8o39zGmVrYbHGG7RnISzQd"
    "+YALYkrL3taNN1+DaXZIjBuWHMdeVwFDyMY7w9u2bZSpvXG7z6ENPI/FWpMxJnSwfl9hYv"
    "9pSKlpmMDqmpirDLIiXLfbfep+cXuFdqdjGOawAeW+4/N7Bt0cUGJXchyG2umYGvAw7AKr"
    "4qDVyyoZ97nbN25fvNfX5JaZ/IYwsLYwVPjI+rHZwaD/WzCgPiZDGVTnxhBGzkatulRDCV"
    "5zHibJgFeNSXyukC8HMKK2wB8vlI0Efmn5Mm06gFfudM5MM9avDu98mGPvcKRNDK4cwNoJ"
    "rzU37PTxmnR4cTPCqg0vhubbYkiVGkOHtjc7bWp6fP9i6oWn7O3m8W1EBO82KmN6CxjTa+"
    "Z4FThhSlBkeGddROHNMq5uUCsfUXiTcnYLmCtRfjkrszpNWeTMUyhu0ekhcu6JE/2Akmjy"
    "GMCfvgSxDf/+zbzS38weIPWZkZIooq3PLlF9ORbwxHjgmnawusLkCOisG6SguO323hYIhR"
    "ySa+ASMfvSbJNRh7cTkK5mQ5AB/ghT3nphklTqDbjguBhhr3jYp+lJ1mYXXmDlvJ0Jon2U"
    "Ak+BK06ZtkaAf4q2ZPpyTI/0lZV9ulOEe8jx02UYfprP79MUu7ly8BKv+6z4fil9RkWOrj"
    "ZLN8fpWyB8KlZHetx23Wc+NBqXCVj8w8V83oRvVx/qNwevDOuhEteJc9Akw3EXWYPfEdkW"
    "2T0t2Vl+72cQd+VcjoCNUdr1MM4JtB5KXJ+jR7YL6oqik9BGNaaihoKMCLHHNVUGjZdne2"
    "XQeDnrG7glPka6Vp31JGXp2VucSc5w00egc51JThDuzBxXfosS7asxY0PSpx659anA2GMd"
    "ASCqz4dDRMcjJMR4QoarOgJqbf7IrOt6Nt/Bnq2/tVJTzGDhaMQ/Mu/CRdzaF4sI7NjGs1"
    "SSClAOHfz8HBNh/diUHoK1oK0WNrW3DDPf3CP5tGcZojN8kuLr4h/JpukF9UXZHDZ01+lS"
    "vNxXLj7BXZtL8XM2rcv6HJ3JILOPH/Az5S0qpga/3bRFNRZwt1/J8FIJn1QX+anQuM5Dji"
    "r5bCh9B4rlO5ALh+YfrOTjoftwpHL8ZpnEE1BrwRltKvUEflQrcDisvofcfbXUEeGrBUeE"
    "rzLiPaTQmXmIfmk2rnPA4JhkHjngrib/I+iZtYPcXsBcZEbCJk+lAp/P+l1NGtvYwIcst+"
    "ttOlz+9X/9D3Zm"
)

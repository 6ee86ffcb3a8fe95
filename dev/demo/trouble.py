"""Sample products that make trouble, each the one that its name says, so that failures and retries can be watched.

They are ordinary products, and no code of the shop knows of them: a trigger that comes with the sample data does what
else a colleague in the warehouse and a fault of the database would do.
"""

from engine.postgres import fetch

SOLD_OUT = "Sold out"
ARCHIVED_MEANWHILE = "Archived while you order"
FAILS_TWICE = "Fails twice, then works"
TROUBLE = (SOLD_OUT, ARCHIVED_MEANWHILE, FAILS_TWICE)

#: The product goes off sale as soon as its order is claimed, and comes back when that one has failed or is cancelled.
FUNCTION = f"""
CREATE OR REPLACE FUNCTION demo_trouble() RETURNS trigger LANGUAGE plpgsql AS $trouble$
BEGIN
    IF NEW.status = 'completed' THEN
        IF NEW.attempts <= 2 AND EXISTS (
            SELECT FROM order_items JOIN products ON products.id = product_id
            WHERE order_id = NEW.id AND name = '{FAILS_TWICE}'
        ) THEN
            RAISE EXCEPTION 'Sample data: attempt % fails because of the product "{FAILS_TWICE}"', NEW.attempts;
        END IF;
    ELSE
        UPDATE products SET archived_at = CASE NEW.status WHEN 'processing' THEN now() END, updated_at = now()
        FROM order_items
        WHERE order_id = NEW.id AND product_id = products.id AND name = '{ARCHIVED_MEANWHILE}';
    END IF;
    RETURN NULL;
END $trouble$
"""  # noqa: S608 - names of ours
TRIGGER = """
CREATE OR REPLACE TRIGGER demo_trouble AFTER UPDATE OF status ON orders
FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION demo_trouble()
"""


async def install_trouble() -> None:
    """Make the trigger behind these products; for the owner of the tables, in a transaction."""
    for statement in (FUNCTION, TRIGGER):
        await fetch(statement, [])

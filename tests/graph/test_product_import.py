"""Products out of CSV files: all of a good one, nothing of a bad one."""

import io
from pathlib import Path

import pytest
from tortoise.functions import Sum

from core.errors import ValidationFailed
from core.resources import Resources
from graph.resolvers.product_file import MAX_PROBLEMS
from graph.resolvers.product_import import BATCH, Imported, import_products
from models import MovementReason, Product, StockMovement

pytestmark = pytest.mark.anyio

HEADER = b"name,description,price,on_hand\r\n"


async def load(content: bytes) -> Imported:
    return await import_products(io.BytesIO(content))


async def complaints(content: bytes) -> list[str]:
    with pytest.raises(ValidationFailed) as refusal:
        await load(content)
    assert await Product.all().count() == 0
    assert await StockMovement.all().count() == 0
    return [problem.message for problem in refusal.value.problems]


async def test_a_good_file_is_stored_in_its_order_with_its_ledger(resources: Resources) -> None:
    content = HEADER + 'Tee,"Grün, ""first"" harvest\r\nfrom Kagoshima",18.2,3\r\nMug,,0,0\r\n'.encode()
    assert await load(content) == Imported(2, 3)
    tea, mug = await Product.all().order_by("id")
    assert (tea.name, tea.price, tea.on_hand) == ("Tee", 1_820, 3)
    assert tea.description == 'Grün, "first" harvest\r\nfrom Kagoshima'
    assert (mug.name, mug.description, mug.price, mug.on_hand) == ("Mug", "", 0, 0)
    (movement,) = await StockMovement.all()
    assert (movement.product_id, movement.delta) == (tea.id, 3)
    assert movement.reason is MovementReason.INITIAL


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbfname,description,price,on_hand\r\nMug,x,1.50,2\r\n",
        b"on_hand, Price ,NAME,description\n2,1.50,Mug,x\n\n",
        b'"name","description","price","on_hand"\n"Mug","x","1.50","2"',
    ],
    ids=["byte order mark", "another order, other line ends", "all quoted, no last line end"],
)
async def test_the_forms_that_spreadsheets_write_are_taken(content: bytes, resources: Resources) -> None:
    assert await load(content) == Imported(1, 2)
    product = await Product.get()
    assert (product.name, product.description, product.price, product.on_hand) == ("Mug", "x", 150, 2)


async def test_every_bad_line_is_named_and_nothing_is_stored(resources: Resources) -> None:
    lines = [
        b'A,"over two\r\nlines",1.00,3',  # 2 and 3
        b" ,blank,1.00,1",  # 4
        b"",  # 5
        b"B,\xff,1,1",  # 6
        b"C,x,1.005,-1",  # 7
        b'D,"x"y,1,1',  # 8
        b"E,1",  # 9
        b"F,x,1e3,1_0",  # 10
        b"G,x,NaN,",  # 11
        b"H,\0,1,1",  # 12
        b"I,x,1,1",  # 13
    ]
    assert await complaints(HEADER + b"\r\n".join(lines) + b"\r\n") == [
        "Line 4: Name must not be blank",
        "Line 6: byte 3 is not UTF-8, but would be ÿ in Windows-1252: save the file as UTF-8 (in Excel: CSV UTF-8)",
        "Line 7: Stock must be between 0 and 1000000000",
        "Line 7: Price must have at most two decimal places",
        "Line 8: a quotation mark inside a quoted value must be doubled",
        "Line 9: 2 values instead of 4: an empty value needs its comma, too",
        'Line 10: Price must be a number such as 12.50, not "1e3"',
        'Line 10: Stock must be a whole number, not "1_0"',
        'Line 11: Price must be a number such as 12.50, not "NaN"',
        "Line 11: Stock must be a whole number, not empty",
        "Line 12: Description contains characters that cannot be stored",
    ]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "Line 1: the file is empty; its first line must be name,description,price,on_hand"),
        (b"Mug,x,1.00,2\n", "Line 1: the columns must be name,description,price,on_hand"),
        (b"name,name,price,on_hand\n", "Line 1: the columns must be name,description,price,on_hand"),
        (b"name,description,price,on_hand\rMug,x,1,1\r", "Line 1: lines must end with a line feed"),
        (HEADER + b'A,x,1,1\r\nB,"x,1,1\r\nC,x,1,1', "Line 3: a quotation mark opens a value here"),
        (HEADER + b"A,x,1,1\r\nB," + b"x" * 200_000, "Line 3: longer than 100000 bytes"),
    ],
)
async def test_a_broken_file_is_refused(content: bytes, complaint: str, resources: Resources) -> None:
    (told,) = await complaints(content)
    assert told.startswith(complaint)


AS_UTF_8 = "save the file as UTF-8 (in Excel: CSV UTF-8)"
BY_COMMAS = "save the file with commas (Excel writes the list separator of the system's regional settings)"
TABLE = "name,description,price,on_hand\r\nCafé,x,12.50,3\r\n"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (TABLE.encode("utf-16"), f"Line 1: the file is UTF-16: {AS_UTF_8}"),
        (TABLE.replace(",", "\t").encode("utf-16"), f"Line 1: the file is UTF-16: {AS_UTF_8}"),
        (TABLE.encode("utf-16-be"), f"Line 1: the file is UTF-16: {AS_UTF_8}"),
        (TABLE.encode("utf-16-le"), f"Line 1: the file is UTF-16: {AS_UTF_8}"),
        (TABLE.encode("cp1252"), f"Line 2: byte 4 is not UTF-8, but would be é in Windows-1252: {AS_UTF_8}"),
        (HEADER + b"A\x81,,1,1", f"Line 2: byte 2 is not UTF-8: {AS_UTF_8}"),
        (TABLE.replace(",", ";").encode(), f"Line 1: the values are separated by semicolons: {BY_COMMAS}"),
        (
            TABLE.replace(",", ";").replace(".", ",").encode("utf-8-sig"),
            f"Line 1: the values are separated by semicolons: {BY_COMMAS}",
        ),
        (TABLE.replace(",", "\t").encode(), f"Line 1: the values are separated by tabs: {BY_COMMAS}"),
        (
            HEADER + b"Mug;x;12,50;3",
            f"Line 2: 2 values instead of 4, separated by semicolons: {BY_COMMAS}",
        ),
        (HEADER + b"Mug,x,1,1\r\n,,,\r\n", "Line 3: all values are empty: delete the row"),
        (HEADER + b"Mug,x,1,1\r\n , ,,,,\r\n", "Line 3: all values are empty: delete the row"),
        (
            HEADER + b'Mug,x,"12,50",1',
            'Line 2: Price must be a number such as 12.50, not "12,50":'
            " write a point before decimals, and nothing between thousands",
        ),
        (
            HEADER + b'Mug,x,"1,234.50",1',
            'Line 2: Price must be a number such as 12.50, not "1,234.50":'
            " write a point before decimals, and nothing between thousands",
        ),
        (
            HEADER + b"Mug,x,12,50,1",
            "Line 2: 5 values instead of 4: put a value with a comma into quotation marks,"
            " and write decimals with a point, as in 12.50",
        ),
        (
            HEADER + "Mug,x,12.50 €,1".encode(),
            'Line 2: Price must be a number such as 12.50, not "12.50 €"',
        ),
        (
            b"name,description,price,on_hand,,\r\n",
            "Line 1: the columns must be name,description,price,on_hand,"
            ' not "name,description,price,on_hand,,"',
        ),
        (
            b"sep=,\r\nname,description,price,on_hand\r\n",
            'Line 1: the columns must be name,description,price,on_hand, not "sep=,"',
        ),
        (
            b"x" * 99,
            f'Line 1: the columns must be name,description,price,on_hand, not "{"x" * 40}…"',
        ),
    ],
)
async def test_what_excel_writes_is_told_with_what_to_do(
    content: bytes, found: str, resources: Resources
) -> None:
    assert await complaints(content) == [found]


async def test_a_file_of_the_wrong_kind_is_not_told_line_by_line(resources: Resources) -> None:
    told = await complaints(HEADER + b"x\r\n" * (MAX_PROBLEMS + 7))
    assert len(told) == MAX_PROBLEMS + 1
    assert told[-1] == "… and 7 more problems"


async def test_a_file_that_goes_bad_between_the_readings_leaves_nothing(resources: Resources) -> None:
    """A batch of rows is stored by then, and goes with the transaction."""
    batch = HEADER + b"A,x,1,1\r\n" * BATCH

    class Changing(io.BytesIO):
        def seek(self, offset: int, whence: int = 0, /) -> int:
            super().__init__(batch + b"B,x,much,1\r\n")
            return 0

    with pytest.raises(ValidationFailed):
        await import_products(Changing(batch + b"B,x,2,1\r\n"))
    assert await Product.all().count() == 0


async def test_a_large_file_is_stored_in_batches_and_progress_is_told(
    resources: Resources, tmp_path: Path
) -> None:
    rows = 2_500
    path = tmp_path / "products.csv"
    path.write_bytes(HEADER + b"".join(b"Thing %d,,%d.50,%d\r\n" % (n, n, n % 3) for n in range(rows)))
    checked: list[int] = []
    stored: list[int] = []
    with path.open("rb") as file:
        imported = await import_products(file, checked=checked.append, stored=stored.append)
    assert imported == Imported(rows, sum(n % 3 for n in range(rows)))
    assert sum(checked) == sum(stored) == path.stat().st_size
    (ledger,) = await StockMovement.all().annotate(sum=Sum("delta")).values("sum")
    assert ledger["sum"] == imported.pieces

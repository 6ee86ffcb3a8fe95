"""The playground's page, its files and its script, without a browser; tests/browser has the rest."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from base64 import b64encode
from pathlib import Path

import httpx
import pytest
from graphql import GraphQLSchema, OperationDefinitionNode, build_schema, parse, validate
from graphql.execution.values import get_variable_values
from starlette.applications import Starlette

from core.demo_people import DEMO_PEOPLE
from graph.endpoint import playground

SDL = Path(__file__).parents[2] / "schema.graphql"


def page(*, demo: bool = False, assets: Path = playground.ASSETS) -> tuple[str, str]:
    """Return the page and its policy."""
    response = playground.render_playground(demo=demo, assets=assets)
    return bytes(response.body).decode(), response.headers["content-security-policy"]


def third_party_tags(html: str) -> list[str]:
    """Return the elements that load one of the manifest's files."""
    return [tag for tag in re.findall(r"<(?:script|link)\b[^>]*>", html) if "@" in tag]


@pytest.fixture
def assets(tmp_path: Path) -> Path:
    """An assets folder in which every file of the manifest is there, if not with its real content."""
    for asset in playground.manifest():
        file = tmp_path / "assets" / asset.path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"content of {asset.path}")
    (tmp_path / "assets" / "unnamed.js").write_text("not in the manifest")
    (tmp_path / "secret").write_text("outside")
    return tmp_path / "assets"


def client(assets: Path) -> httpx.AsyncClient:
    app = Starlette(routes=playground.playground_routes(assets))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test")


def test_with_the_files_here_no_other_host_is_named(assets: Path) -> None:
    html, policy = page(demo=True, assets=assets)
    addresses = re.findall(r'(?:src|href|action)="([^"]+)"', html)
    assert len(addresses) > len(playground.manifest())
    assert all(address.startswith("/") for address in addresses)
    assert "://" not in policy
    assert 'class="banner"' not in html


def test_without_a_file_the_page_takes_all_from_the_cdn_checked_and_says_so(assets: Path) -> None:
    (assets / playground.manifest()[0].path).unlink()
    html, policy = page(assets=assets)
    tags = third_party_tags(html)
    assert len(tags) == len(playground.manifest())
    for asset in playground.manifest():
        tag = next(tag for tag in tags if f'"{playground.CDN}/{asset.path}"' in tag)
        assert f'integrity="{asset.integrity}"' in tag
        assert 'crossorigin="anonymous"' in tag
    assert 'class="banner"' in html
    allowed = re.findall(r"https?://\S+?(?=[; ]|$)", policy)
    assert sorted(allowed) == sorted(f"{playground.CDN}/{asset.path}" for asset in playground.manifest())


def test_the_policy_admits_nothing_inline_and_no_eval() -> None:
    html, policy = page(demo=True)
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    inline = re.findall(r"<script(?![^>]*\bsrc=)[^>]*>", html)
    assert inline == ['<script type="application/json" id="examples">']
    assert not re.search(r"<style|\bstyle=|\bon\w+=", html)


def test_each_page_has_a_nonce_of_its_own() -> None:
    nonces = {re.search(r"'nonce-([\w-]{22})'", page()[1])[1] for _ in range(3)}  # type: ignore[index]
    assert len(nonces) == 3


def test_demo_passwords_are_in_the_page_in_development_only() -> None:
    for person in DEMO_PEOPLE:
        assert person.password in page(demo=True)[0]
        assert person.password not in page(demo=False)[0]


@pytest.mark.anyio
async def test_files_are_served_with_the_right_freshness(assets: Path) -> None:
    async with client(assets) as http:
        fetched = await http.get(f"/playground/assets/{playground.manifest()[0].path}")
        own = await http.get("/playground/playground.js")
        again = await http.get("/playground/playground.js", headers={"If-None-Match": own.headers["etag"]})
    assert "immutable" in fetched.headers["cache-control"]
    assert own.headers["cache-control"] == "no-cache"
    assert "javascript" in own.headers["content-type"]
    assert own.headers["x-content-type-options"] == "nosniff"
    assert again.status_code == 304


@pytest.mark.anyio
@pytest.mark.parametrize(
    "path",
    [
        "assets/unnamed.js",
        "assets/../secret",
        "assets/%2e%2e/secret",
        "assets/..%2fsecret",
        "../__init__.py",
        "%2e%2e/__init__.py",
        "..%2f__init__.py",
        "%2fetc/passwd",
        "assets/",
        "",
    ],
)
async def test_nothing_outside_the_folders_is_served(assets: Path, path: str) -> None:
    async with client(assets) as http:
        # Built by hand, because a client tidies such a path up.
        url = httpx.URL("http://test/").copy_with(raw_path=f"/playground/{path}".encode())
        response = await http.get(url)
    assert response.status_code in {404, 405}


def test_the_manifest_pins_exact_versions() -> None:
    assert len(playground.manifest()) == 6
    for asset in playground.manifest():
        assert re.match(r"(@[\w-]+/)?[\w-]+@\d+\.\d+\.\d+/", asset.path)
        assert re.fullmatch(r"sha384-[\w+/]{64}", asset.integrity)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script in a folder of its own, with an npm that packs a package made up here."""
    folder = tmp_path / "a folder"
    folder.mkdir()
    shutil.copy(playground.HERE / "fetch-assets.sh", folder)
    content = b"console.log('hello')\n"
    (folder / "assets.sha384").write_text(
        f"{hashlib.sha384(content).hexdigest()}  @made/up@1.2.3/dist/up.js\n"
    )
    source = tmp_path / "package"
    (source / "dist").mkdir(parents=True)
    (source / "dist" / "up.js").write_bytes(content)
    binaries = tmp_path / "bin"
    binaries.mkdir()
    npm = binaries / "npm"
    npm.write_text(
        f"""#!/bin/sh
        echo "$@" >> '{tmp_path}/calls'
        tar -czf up.tgz -C '{tmp_path}' package && echo up.tgz
        """
    )
    npm.chmod(0o755)
    return folder / "fetch-assets.sh"


def fetch(script: Path) -> subprocess.CompletedProcess[str]:
    """Run the script with its made-up npm first on PATH."""
    path = f"{script.parent.parent}/bin:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", str(script)], env={"PATH": path}, text=True, capture_output=True, check=False
    )


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def names(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


def test_fetching_checks_installs_and_then_does_nothing(script: Path) -> None:
    first = fetch(script)
    assert (first.returncode, first.stderr) == (0, "")
    assert files(script.parent / "assets") == ["@made/up@1.2.3/dist/up.js"]
    second = fetch(script)
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    calls = (script.parent.parent / "calls").read_text().splitlines()
    assert len(calls) == 1
    assert calls[0].endswith(" @made/up@1.2.3")
    assert names(script.parent / "assets") == ["@made"]


def test_a_file_that_differs_is_refused_and_leaves_nothing_behind(script: Path) -> None:
    (script.parent.parent / "package" / "dist" / "up.js").write_text("tampered")
    result = fetch(script)
    assert result.returncode == 1
    assert "differs from its checksum" in result.stderr
    assert names(script.parent / "assets") == []


def test_a_damaged_file_is_fetched_again(script: Path) -> None:
    fetch(script)
    installed = script.parent / "assets" / "@made" / "up@1.2.3" / "dist" / "up.js"
    installed.write_text("damaged")
    assert fetch(script).returncode == 0
    assert installed.read_text() == "console.log('hello')\n"


def test_a_failing_npm_is_said_clearly(script: Path) -> None:
    (script.parent.parent / "bin" / "npm").write_text("#!/bin/sh\necho 'ENETWORK of some kind' >&2\nexit 1\n")
    result = fetch(script)
    assert result.returncode == 1
    assert "npm could not fetch @made/up@1.2.3" in result.stderr
    assert "ENETWORK of some kind" in result.stderr
    assert names(script.parent / "assets") == []


def test_what_was_fetched_here_is_what_the_manifest_names() -> None:
    fetched = [asset for asset in playground.manifest() if (playground.ASSETS / asset.path).is_file()]
    if not fetched:
        pytest.skip("GraphiQL's files are not here (run graph/endpoint/playground/fetch-assets.sh)")
    for asset in fetched:
        digest = hashlib.sha384((playground.ASSETS / asset.path).read_bytes()).digest()
        assert asset.integrity == "sha384-" + b64encode(digest).decode()


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    if not SDL.exists():
        pytest.skip("schema.graphql is not here (make schema)")
    return build_schema(SDL.read_text(encoding="utf-8"))


def embedded_examples() -> list[dict[str, str]]:
    found = re.search(r'id="examples">(.*?)</script>', page()[0], re.DOTALL)
    assert found
    return list(json.loads(found[1]))


def test_the_page_carries_the_examples_in_order() -> None:
    names = [example["name"] for example in embedded_examples() if "operate" not in example]
    assert names == ["browse", "order", "watch", "errors"]
    questions = [example["name"] for example in embedded_examples() if "operate" in example]
    assert questions == ["stuck", "why", "again", "stock", "status", "usage"]


@pytest.mark.parametrize("example", embedded_examples(), ids=lambda example: str(example["name"]))
def test_every_example_is_valid_against_the_schema(schema: GraphQLSchema, example: dict[str, str]) -> None:
    document = parse(example["query"])
    assert validate(schema, document) == []
    given = json.loads(example["variables"] or "{}")
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    assert operations
    for operation in operations:
        coerced = get_variable_values(schema, operation.variable_definitions or (), given)
        assert not isinstance(coerced, list), coerced


def test_the_operations_of_the_page_itself_are_valid_against_the_schema(schema: GraphQLSchema) -> None:
    static = playground.HERE / "static"
    text = "".join((static / name).read_text() for name in ("session.js", "operate.js", "system.js"))
    documents = re.findall(r"= `((?:mutation|query).*?)`;", text, re.DOTALL)
    assert len(documents) == 5
    for document in documents:
        assert validate(schema, parse(document)) == []

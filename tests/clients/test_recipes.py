"""What ``docs/recipes.md`` and ``README.md`` show beside the checks in ``recipes.mjs``."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import httpx
import pytest

from core.trusted_documents import read_manifest
from graph.schema import SDL_PATH
from tests.clients.node import FOLDER, require_packages, run_tool
from tests.clients.service import ROOT, Service
from tests.servers import SECONDS

RECIPES = (ROOT / "docs" / "recipes.md").read_text()
README = (ROOT / "README.md").read_text()
DOCUMENTED = "http://127.0.0.1:8000"


#: The recipes of React, which import those in JavaScript.
REACT = ("ApolloShop.tsx", "UrqlShop.tsx")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def names(language: str) -> set[str]:
    """Return the files that the first lines of the page's blocks name."""
    return {block.partition("\n")[0].removeprefix("// ") for block in blocks(RECIPES, language)}


def test_every_javascript_recipe_is_run() -> None:
    assert names("js") == set(re.findall(r"await recipe\('(.+?)'\)", (FOLDER / "recipes.mjs").read_text()))


def test_every_block_is_of_a_kind_that_is_run() -> None:
    assert set(re.findall(r"^```(\w+)$", RECIPES, re.MULTILINE)) == {"js", "ts", "tsx", "graphql"}
    assert names("tsx") == {f"src/{name}" for name in REACT}


#: A document that anybody may send, beside those of the page.
BROWSE = """
import { graphql } from './generated';
export const Browse = graphql(`query Browse { products(first: 1) { totalCount } }`);
"""
#: What the compiled recipes do, said by a program.
PROGRAM = """
const { Browse } = require('./src/browse.js');
const { remedies } = require('./src/cancel.js');
const { send } = require('./src/send.js');
const problems = ['TOKEN_EXPIRED', 'CONFLICT', 'RATE_LIMITED', 'NEWER_THAN_THIS'].map((code) => ({ code }));
send(process.argv[2], Browse, {}).then((data) => console.log(JSON.stringify({ data, remedies: remedies(problems) })));
"""


def write_recipes(folder: Path, server: str = DOCUMENTED) -> None:
    """Write a front end of the recipes, those in JavaScript beside the others, and what is generated for them."""
    (folder / "src").mkdir()
    for block in blocks(RECIPES, "ts") + blocks(RECIPES, "tsx"):
        (folder / block.partition("\n")[0].removeprefix("// ")).write_text(block)
    for block in blocks(RECIPES, "js"):
        name = block.partition("\n")[0].removeprefix("// ")
        (folder / "src" / name).write_text(block.replace(DOCUMENTED, server))
    shutil.copy(SDL_PATH, folder)
    (folder / "src" / "browse.ts").write_text(BROWSE)
    run_tool("graphql-codegen", "--config", "codegen.ts", cwd=folder)


def configure_typescript(folder: Path, *files: str, **options: object) -> None:
    """Write the strict configuration for some files of ``src/``, with further options."""
    configuration = json.loads((FOLDER / "typescript" / "tsconfig.json").read_text())
    configuration["files"] = [f"src/{name}" for name in files]
    configuration["compilerOptions"] |= options
    (folder / "tsconfig.json").write_text(json.dumps(configuration))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A front end of the TypeScript recipes, with what is generated for it."""
    require_packages()
    write_recipes(tmp_path)
    configure_typescript(tmp_path, "browse.ts", "cancel.ts", "send.ts", "generated/index.ts")
    return tmp_path


def test_typescript_recipes_compile_only_while_every_code_is_handled(project: Path) -> None:
    run_tool("tsc", "--project", ".", cwd=project)
    unhandled = project / "src" / "cancel.ts"
    unhandled.write_text(unhandled.read_text().replace("    case 'CONFLICT':\n", ""))
    with pytest.raises(AssertionError, match="does not satisfy the expected type 'never'"):
        run_tool("tsc", "--project", ".", cwd=project)


def test_react_recipes_compile_only_with_fields_that_the_schema_has(project: Path) -> None:
    configure_typescript(project, *REACT, jsx="react-jsx", allowJs=True)
    run_tool("tsc", "--project", ".", cwd=project)
    for name in REACT:
        path = project / "src" / name
        path.write_text(path.read_text().replace("price.amount", "price.cents"))
    with pytest.raises(AssertionError, match="'cents' does not exist") as refusal:
        run_tool("tsc", "--project", ".", cwd=project)
    assert all(name in str(refusal.value) for name in REACT)


def test_typescript_recipes_run_against_a_server_that_trusts_their_documents_only(
    project: Path, service: Service
) -> None:
    options = ("--noEmit", "false", "--outDir", ".", "--rootDir", ".")
    run_tool(
        "tsc", "--project", ".", *options, "--module", "commonjs", "--moduleResolution", "node10", cwd=project
    )
    (project / "program.js").write_text(PROGRAM)
    manifest = project / "src" / "generated" / "persisted-documents.json"
    assert any("cancelOrder" in text for text in read_manifest(manifest).values())
    settings = {"TANDEM_TRUSTED_DOCUMENTS": str(manifest), "TANDEM_GRAPHQL_ONLY_TRUSTED": "true"}
    with service.another(**settings) as api:
        shown = subprocess.run(
            ["node", "program.js", api.graphql_url],
            cwd=project,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        refused = httpx.post(api.graphql_url, json={"query": "{ products(first: 1) { totalCount } }"}).json()
    assert shown.returncode == 0, shown.stderr
    answer = json.loads(shown.stdout)
    assert answer["data"]["products"]["totalCount"] > 0
    assert answer["remedies"] == ["sign in", "read again", "wait", "apologise"]
    assert refused["errors"][0]["extensions"]["code"] == "DOCUMENT_NOT_TRUSTED"


@pytest.fixture
def shell_output(service: Service) -> str:
    """What the shell commands of the README print against the service, and the token that they got."""
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed, so the commands of README.md cannot be run")
    (commands,) = [block for block in blocks(README, "sh") if "curl" in block]
    script = commands.replace(DOCUMENTED, f"http://127.0.0.1:{service.port}") + '\nprintf "\\n%s" "$TOKEN"'
    shown = subprocess.run(["/bin/sh", "-euc", script], capture_output=True, text=True, timeout=SECONDS)
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


@pytest.mark.anyio
async def test_the_first_order_of_the_readme(service: Service, shell_output: str) -> None:
    assert '"status":"pending"' in shell_output
    assert '"page_size":1' in shell_output
    headers = {"Authorization": f"Bearer {shell_output.splitlines()[-1]}"}
    mutation, subscription = blocks(README, "graphql")
    statuses = []
    async with httpx.AsyncClient(headers=headers, timeout=SECONDS) as client, service.stage() as stage:
        answer = (await client.post(service.graphql_url, json={"query": mutation})).json()
        placed = answer["data"]["createOrder"]
        assert placed["errors"] == []
        query = re.sub(r'orderId: "[^"]+"', f'orderId: "{placed["order"]["id"]}"', subscription)
        body, accept = {"query": query}, {"Accept": "text/event-stream"}
        async with client.stream("POST", service.graphql_url, json=body, headers=accept) as events:
            async for line in events.aiter_lines():
                if found := re.search(r'"status":"(\w+)"', line):
                    statuses.append(found[1])
                    if found[1] == "PENDING":
                        await stage.work()
                    if found[1] == "PROCESSING":
                        await stage.finish()
    assert statuses == ["PENDING", "PROCESSING", "COMPLETED"]

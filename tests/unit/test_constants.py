"""Every number that is tuned or agreed on says what it is, where it stands.

The rule: a module-level constant of ``recorder`` in capitals (with or without a leading
underscore) whose value is made of numbers alone (an int, a float, a tuple or record of
such, an expression like ``16 << 20``) has words beside it: a docstring directly after
it, or a comment directly before it or on its own lines. They say the unit, what it
decides, why it has this value and what set it. No constant is excepted.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

RECORDER = Path(__file__).parents[2] / "recorder"
_CAPITALS = re.compile(r"_*[A-Z][A-Z0-9_]*")
_PARTS = (
    ast.Attribute,
    ast.BinOp,
    ast.Call,
    ast.Constant,
    ast.Name,
    ast.Tuple,
    ast.UnaryOp,
    ast.expr_context,
    ast.keyword,
    ast.operator,
    ast.unaryop,
)
"""What the value of a constant may be made of to count as a number, or as several."""


def is_numeric(value: ast.expr) -> bool:
    """Whether a value is made of numbers alone, and of at least one."""
    nodes = list(ast.walk(value))
    literals = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return (
        bool(literals)
        and all(type(literal) in (int, float) for literal in literals)
        and all(isinstance(node, _PARTS) for node in nodes)
    )


def names_of(statement: ast.stmt) -> list[str]:
    """Names in capitals to which a statement gives numbers."""
    if isinstance(statement, ast.Assign):
        targets = statement.targets
    elif isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    else:
        return []
    if statement.value is None or not is_numeric(statement.value):
        return []
    nodes = [node for target in targets for node in ast.walk(target)]
    names = [node.id for node in nodes if isinstance(node, ast.Name)]
    return [name for name in names if _CAPITALS.fullmatch(name)]


def is_docstring(statement: ast.stmt | None) -> bool:
    """Whether a statement is a text with words in it."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
        and bool(statement.value.value.strip())
    )


def commented_lines(source: str) -> tuple[set[int], set[int]]:
    """Lines that are a comment, and lines that end in one."""
    alone, beside = set(), set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and token.string.strip("# "):
            before = token.line[: token.start[1]]
            (beside if before.strip() else alone).add(token.start[0])
    return alone, beside


def without_words(source: str) -> Iterator[str]:
    """Numeric constants of a module that nothing explains."""
    body = ast.parse(source).body
    alone, beside = commented_lines(source)
    for statement, following in zip(body, [*body[1:], None], strict=True):
        lines = set(range(statement.lineno, (statement.end_lineno or 0) + 1))
        said = (
            is_docstring(following)
            or statement.lineno - 1 in alone
            or bool(lines & (alone | beside))
        )
        if not said:
            yield from names_of(statement)


@pytest.mark.parametrize(
    "path",
    [pytest.param(p, id=str(p.relative_to(RECORDER))) for p in RECORDER.rglob("*.py")],
)
def test_every_number_says_what_it_is(path: Path):
    assert list(without_words(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "A = 1",
        "_A = -1.5",
        "A: float = 1e-3",
        "A = 16 << 20",
        "A, B = 1, 2\n'''Of A alone.'''\nC = 3",
        "A = (1, (2, 3))",
        "A = math.log(1.1)",
        "A = Tolerance(0.1, slope=0.2)",
        "A = 1  # of A\nB = 2",
        "A = 1\n''' '''",
        "A = 1\nB = 2\n'''Of B.'''",
        "# of neither\n\nA = 1",
        "A = 1  #",
    ],
)
def test_a_number_without_words_is_found(source: str):
    assert list(without_words(source))


@pytest.mark.parametrize(
    "source",
    [
        "A = 1\n'''Of A.'''",
        "# of A\nA = 1",
        "A = 1  # of A",
        "A = (\n    1,  # the first\n    2,\n)",
        "A, B = 1, 2\n'''Of A and B.'''",
        "A = 'text'",
        "A = True",
        "A = {'key': 1}",
        "A = OTHER",
        "a = 1",
        "def f():\n    A = 1",
    ],
)
def test_what_needs_no_words_or_has_them_is_let_through(source: str):
    assert not list(without_words(source))

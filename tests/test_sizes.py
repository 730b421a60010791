import pytest

from tools.sizes import FUNCTION_LINES, MODULE_LINES, PUBLIC_METHODS, oversized

DOCSTRING = '    """Says much.\n\n    In many lines.\n    """\n'


def module(lines):
    return "x = 0\n" * lines


def function(lines, docstring=""):
    return "def long():\n" + docstring + "    x = 0\n" * (lines - 1)


def many(methods, docstring="", name="do"):
    return "class Many:\n" + docstring + "".join(f"    def {name}{i}(self): ...\n" for i in range(methods))


@pytest.mark.parametrize(
    "source",
    [
        module(MODULE_LINES),
        function(FUNCTION_LINES),
        function(FUNCTION_LINES, DOCSTRING),
        many(PUBLIC_METHODS),
        many(PUBLIC_METHODS + 1, name="_do"),
        many(PUBLIC_METHODS + 1, '    """Does much.\n\n    Many methods: one for each rule.\n    """\n'),
    ],
)
def test_small_modules_pass(source):
    assert oversized(source) == []


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (module(MODULE_LINES + 1), "1: the module has 351 lines, more than 350"),
        (function(FUNCTION_LINES + 1), "1: function long has 61 lines, more than 60"),
        (function(FUNCTION_LINES + 1, DOCSTRING), "1: function long has 61 lines, more than 60"),
        ("async " + function(FUNCTION_LINES + 1), "1: function long has 61 lines, more than 60"),
        (many(PUBLIC_METHODS + 1), "1: class Many has 16 public methods, more than 15, and gives no reason"),
        (many(PUBLIC_METHODS + 1, '    """Many methods."""\n'), "1: class Many has 16 public methods, more than 15"),
        (many(PUBLIC_METHODS + 1, '    """Many methods:"""\n'), "1: class Many has 16 public methods, more than 15"),
    ],
)
def test_excesses_are_reported_with_line_and_size(source, complaint):
    (found,) = oversized(source)
    assert found.startswith(complaint)


def test_methods_and_nested_functions_are_measured():
    method = "class Short:\n" + "".join(f"    {line}\n" for line in function(FUNCTION_LINES + 1).splitlines())
    assert oversized(method) == ["2: function long has 61 lines, more than 60"]
    nested = "def outer():\n" + "".join(f"    {line}\n" for line in function(FUNCTION_LINES + 1).splitlines())
    assert {line.split(" has")[0] for line in oversized(nested)} == {"1: function outer", "2: function long"}

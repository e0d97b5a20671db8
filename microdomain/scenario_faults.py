"""Faults of a scenario in the words of the file: pydantic's reports, said as sentences."""

from __future__ import annotations

from typing import Any

from microdomain.model.checks import nearest

_EXPECTED = {
    "int_type": "expected a whole number",
    "bool_type": "expected true or false",
    "string_type": "expected a text",
    "list_type": "expected a list",
    "dict_type": "expected a table",
    "model_type": "expected a table",
    "model_attributes_type": "expected a table",
}


def sentences(error: Any, given: dict[str, Any]) -> list[str]:
    """What is wrong, one sentence a fault: the path of the key, what was given, what was expected.

    Parameters
    ----------
    error : pydantic.ValidationError
    given : dict                  the tables of the file, in which the faults stand

    Returns
    -------
    list of str
    """
    return [f"{_path(fault, given)}: {_reason(fault)}" for fault in error.errors(include_url=False)]


def _reason(fault: Any) -> str:
    kind, context, value = fault["type"], fault.get("ctx", {}), fault["input"]
    if "sentence" in context:
        return str(context["sentence"])
    if kind == "union_tag_invalid":
        known = [word.strip(" '") for word in context["expected_tags"].split(",")]
        return f"no kind {context['tag']!r}; there are {', '.join(known)}.{nearest(context['tag'], known)}"
    if kind == "union_tag_not_found":
        return 'the table needs a kind, such as kind = "fixed".'
    if kind == "literal_error":
        return f"{value!r} is not one of {context['expected']}."
    if kind == "missing":
        return "is missing."
    if kind in ("greater_than_equal", "less_than_equal"):
        low, high = context.get("ge"), context.get("le")
        return f"{value!r} must be {f'at least {low}' if high is None else f'at most {high}'}."
    if kind in ("too_short", "too_long"):
        wanted = context.get("min_length", context.get("max_length"))
        return f"expected a list of {wanted}, not {value!r}."
    if kind in _EXPECTED:
        return f"{_EXPECTED[kind]}, not {value!r}."
    return f"{fault['msg']}, not {value!r}."


def _path(fault: Any, given: Any) -> str:
    """The key as the file has it: pydantic's own steps (kinds, lists that we made) are left out."""
    words, here = "", given
    for k, step in enumerate(fault["loc"]):
        if isinstance(here, list if isinstance(step, int) else dict) and (
            isinstance(step, int) or step in here
        ):
            here = here[step]
        elif fault["type"] != "missing" or k < len(fault["loc"]) - 1:
            continue
        words += f"[{step}]" if isinstance(step, int) else f".{step}" if words else step
    return words or "the file"

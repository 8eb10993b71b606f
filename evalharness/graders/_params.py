"""Field types of grader parameters.

Parameters are checked twice by the same models: when a suite is read, where a text may still be a template
(``expected: "{{ expected }}"``), and for each case after rendering. What a template will become is not known at the
first check, so it passes there as it is; at the second check, which ``build`` makes, nothing passes unchecked. So
a ``Params`` object that a ``Grader`` gets has the types it declares.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

#: Validation context of the second check.
RENDERED: Mapping[str, bool] = {"rendered": True}


class GraderParams(BaseModel):
    """Keys of one grader. Unknown keys are errors; module docstrings and field descriptions are the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    runs_code: ClassVar[bool] = False


def is_template(value: object, validation: ValidationInfo) -> bool:
    """Whether ``value`` is a template that has not been rendered yet, so that its content cannot be checked."""
    if (validation.context or {}).get("rendered"):
        return False
    return isinstance(value, str) and any(mark in value for mark in ("{{", "{%", "{#"))


def decimal_of(value: object) -> Decimal:
    """The decimal number that was written: ``0.1`` is one tenth, not the binary fraction next to it.

    Raises ``ValueError`` for what is no finite number; ``true`` is none.
    """
    try:
        number = Decimal("" if isinstance(value, bool) else str(value).strip())
    except InvalidOperation:
        raise ValueError(f"{str(value)[:40]!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{str(value)[:40]!r} is not a finite number")
    return number


def template_or(value: Any, handler: ValidatorFunctionWrapHandler, validation: ValidationInfo) -> Any:
    return value if is_template(value, validation) else handler(value)


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


#: Text that must not be blank: a blank text occurs in everything.
Text = Annotated[str, AfterValidator(_not_blank)]
#: A list of such texts, or a template that becomes one.
Texts = Annotated[list[Text], Field(min_length=1), WrapValidator(template_or)]
#: A number of at least 0, exactly as written.
Amount = Annotated[Decimal, Field(ge=0), BeforeValidator(decimal_of), WrapValidator(template_or)]
#: A whole number of at least 0.
Count = Annotated[int, Field(ge=0), BeforeValidator(decimal_of), WrapValidator(template_or)]


def problems_in_words(error: ValidationError) -> str:
    """All mistakes of one validation in a sentence: ``expected: 'abc' is not a number``."""
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(_in_words(".".join(map(str, problem["loc"])), problem["msg"]) for problem in problems)


def _in_words(key: str, message: str) -> str:
    message = message.removeprefix("Value error, ")  # pydantic's words before a validator's own
    return f"{key}: {message}" if key else message

"""Options that several commands share, given to each and received as one object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

Options = Mapping[str, tuple[Any, Any]]
"""Name of a parameter to its annotation and its default."""


def grouped(
    name: str, make: Callable[..., Any], options: Options, **defaults: Any
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command further options; stands below `with_session`.

    Parameters
    ----------
    name
        The command's parameter that receives them.
    make
        Makes its value of the options, by their names.
    options
        Listed by the help after the command's own.
    defaults
        Other defaults than those of the group.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def command(session: Any, **values: Any) -> Any:
            values[name] = make(**{option: values.pop(option) for option in options})
            return function(session, **values)

        keyword = inspect.Parameter.KEYWORD_ONLY
        first, *own = inspect.signature(function, eval_str=True).parameters.values()
        kept = [parameter.replace(kind=keyword) for parameter in own if parameter.name != name]
        added = [
            inspect.Parameter(option, keyword, annotation=annotation, default=defaults.get(option, default))
            for option, (annotation, default) in options.items()
        ]
        command.__signature__ = inspect.Signature([first, *kept, *added])  # type: ignore[attr-defined]
        command.__doc__, command.__name__ = function.__doc__, function.__name__
        return command

    return decorate

"""Explains exceptions in students' code in one or two sentences, with the line of code."""

from __future__ import annotations

import inspect
import re
import sysconfig
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

from facegan.errors import printable

_LIBRARIES = tuple(
    str(path)
    for path in (
        Path(torch.__file__).parent,
        Path(__file__).parents[2],  # facegan
        sysconfig.get_paths()["purelib"],
        sysconfig.get_paths()["stdlib"],
    )
)
_DIMENSION = {0: "none", 1: "one", 2: "two", 3: "three", 4: "four", 5: "five"}

# messages of torch, NumPy, and Python, and explanations; {0}, {1} are the groups of the pattern
_SAYINGS = (
    (r"Given (?:groups|transposed)=.*to have (\d+) channels, but got (\d+)",
     "the layer expects {0} channels, but gets {1}. Compare its first argument with the number of channels before it"),
    (r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)",
     "a matrix product (or nn.Linear) needs a last dimension of {2}, but it is {1}"),
    (r"running_mean should contain (\d+) elements not (\d+)",
     "BatchNorm expects {1} channels, but gets {0}. Use the number of output channels of the layer before it"),
    (r"padded input size per channel: \((\d+) x (\d+)\)\. Kernel size: \((\d+) x",
     "a layer with kernel {2} gets an image of only {0} x {1}. How many times is the side halved before it?"),
    (r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)",
     "two tensors have incompatible shapes: in dimension {2} one has {0} entries and the other {1}"),
    (r"operands could not be broadcast together with shapes (\(.*?\)) (\(.*?\))",
     "two arrays have incompatible shapes, {0} and {1}"),
    (r"expanded size of the tensor \((\d+)\) must match the existing size \((\d+)\)",
     "{1} entries do not fit into {0}. Print both shapes"),
    (r"shape '\[(.*?)\]' is invalid for input of size (\d+)",
     "{1} numbers do not fill the shape ({0})"),
    (r"Target size \(torch\.Size\((\[.*?\])\)\) must be the same as input size \(torch\.Size\((\[.*?\])\)",
     "labels have shape {0} and logits {1}; they must be the same"),
    (r"stack expects each tensor to be equal size, but got (\[.*?\]) at entry 0 and (\[.*?\])",
     "torch.stack needs tensors of one shape, but it is given {0} and {1}"),
    (r"Sizes of tensors must match except in dimension (\d+)\. Expected size (\d+) but got size (\d+)",
     "torch.cat gets parts of different sizes, {1} and {2}. Is the last one shorter?"),
    (r"all elements of input should be between 0 and 1",
     "binary_cross_entropy takes probabilities, but it is given logits. Which function takes logits?"),
    (r"leaf [Vv]ariable that requires grad is being used in an in-place|view of a leaf",
     "weights are changed in place while gradients are recorded. Use torch.no_grad()"),
    (r"does not require grad and does not have a grad_fn",
     "there is no graph for backward. Is something detached, or does the input need requires_grad?"),
    (r"backward through the graph a second time",
     "the graph was freed by an earlier backward. Detach the part that needs no gradient"),
    (r"modified by an inplace operation",
     "a tensor that backward still needs was changed in place (weights, by a step?). Compute the loss again after that"),
    (r"implicitly created only for scalar outputs",
     "a gradient is taken of a tensor with many numbers. Reduce it to one number first"),
    (r"differentiated (?:Tensors?|inputs).*(?:not have been used|does not require)",
     "the gradient is requested for a tensor that the output was not computed from, or that does not require gradients"),
    (r"only Tensors of floating point|only require gradients.*floating", "whole numbers have no gradient; use floats"),
    (r"Can't call numpy\(\) on Tensor that requires grad", "NumPy does not support gradients. Use torch, or detach first"),
    (r"cannot assign (?:module|parameter)s? before Module\.__init__",
     "super().__init__() is missing in the class's __init__"),
    (r"slice indices must be integers", "a slice contains a decimal number. Use //, which gives whole numbers"),
    (r"'float' object cannot be interpreted as an integer|must be (?:tuple of ints|int).*float|received an invalid combination.*float",
     "a whole number is required, but a decimal one is given. Use // for division"),
    (r"result type (\w+) can't be cast to the desired output type (\w+)",
     "floats cannot be written into an integer tensor in place. Convert the type first; counters can be copied"),
    (r"could not infer output dtype|mean\(\): |std and var only support|not implemented for '(?:Byte|Long|Int|Bool)'",
     "this does not work with integers or bools. Convert to float first"),
    (r"expected scalar type|same dtype|Input type .* and (?:weight|bias) type",
     "two tensors have different types. Use float32 for both"),
    (r"Boolean value of Tensor with more than one|truth value of an array",
     "`if` and `max` need a single True or False, but get many. Compare whole tensors with torch functions"),
    (r"Boolean tensor.*subtract|Negation, the `-` operator, on a bool|Subtraction, the `-` operator, with",
     "bool tensors cannot be subtracted or negated with -. Use ~"),
    (r"Dimension out of range \(.*but got (-?\d+)\)", "dimension {0} does not exist in this tensor. Print its shape"),
    (r"index (-?\d+) is out of bounds for (?:dimension|axis) (\d+) with size (\d+)",
     "index {0} is beyond the end: dimension {1} has {2} entries. Counting begins at 0"),
    (r"list index out of range|tuple index out of range", "an index is beyond the end. Counting begins at 0"),
    (r"too many indices for (?:tensor|array)", "there are more indices than dimensions. Print the shape"),
    (r"object is not callable", "something that is not a function is called. Are there extra parentheses, or is a * missing?"),
    (r"is not a Module subclass", "a layer's class is passed instead of a layer. Are parentheses missing after its name?"),
    (r"elements? cannot be converted to Scalar|only one element tensors can be converted",
     "a tensor with many numbers is converted to a single number. Is a mean or sum missing?"),
    (r"Target (\d+) is out of bounds", "cross_entropy takes class numbers below the number of columns, and gets {0}"),
    (r"division by zero|ZeroDivisionError", "something is divided by 0"),
    (r"expected 2D or 3D input", "BatchNorm1d is for vectors; images need BatchNorm2d"),
    (r"cannot assign '.*' as parameter '(\w+)'",
     "the parameter {0} is replaced by a plain tensor. Change its numbers in place, with nn.init or copy_"),
    (r"return_types\.(\w+)", "{0} over a dimension gives values and indices. Take .values, or use a{0}"),
    (r"Fan in and fan out", "this initialization is for kernels and matrices; BatchNorm's weights have one dimension"),
    (r"module '([\w.]+)' has no attribute '(\w+)'", "{0} has no {1}. Is it in another module, or misspelled?"),
    (r"'NoneType' object has no attribute '(\w+)'", "something is None where .{0} is needed. Does a function before it return nothing?"),
    (r"'(\w+)' object has no attribute '(\w+)'", "{0} has no {1}. Is it misspelled, or is the object of another type?"),
    (r"(\w+)\(\) takes (?:from )?([\d to]+) positional arguments? but (\d+)", "{0} takes {1} arguments and gets {2}"),
    (r"unsupported operand type\(s\) for (.*?): .*Sequential", "{0} does not work on whole networks; work on their parameters"),
    (r"unsupported operand type\(s\) for (.*?): '(.*?)' and '(.*?)'", "{0} does not work between {1} and {2}"),
    (r"must be Tensor, not (\w+)", "a torch function needs a tensor and gets {0}. Use math for plain numbers"),
    (r"invalid index of a 0-dim tensor", "an index is used on a single number"),
    (r"uniform_ expects", "uniform_ takes the lower and the upper end of a range, not a mean and a standard deviation"),
    (r"same device|is on meta|Cannot copy out of meta", "two tensors are on different devices"),
)  # fmt: skip


def describe(error: Exception) -> str:
    """Describe an error in at most two sentences: its kind, the student's line, and what it means."""
    if isinstance(error, RecursionError):
        return "it calls itself endlessly."
    line = _own_line(error)
    where = f" at `{line}`" if line else ""
    said = _meaning(error) or _shortened(error)
    end = "" if said.endswith(("?", ".")) else "."
    return printable(f"it raised {type(error).__name__}{where}: {said}{end}")


def _meaning(error: Exception) -> str:
    """The explanation for a student; '' if the error is unknown."""
    text = str(error)
    if isinstance(error, UnboundLocalError):
        return f"{_quoted(text)} is used before it has a value. Is it spelled as in its assignment?"
    if isinstance(error, NameError):
        return f"{_quoted(text)} is not defined. Is it imported, and has the cell that defines it been run?"
    if isinstance(error, KeyError):
        return f"there is no {text}. Print the keys"
    if isinstance(error, NotImplementedError) and "forward" in text:
        return (
            "the module has no forward. Is its name spelled correctly, and is it indented inside the class?"
        )
    if "expected 3D" in text.replace("Expected", "expected") or "expected 4D" in text:
        return _wrong_dimensions(error)
    for pattern, meaning in _SAYINGS:
        found = re.search(pattern, text, re.DOTALL)
        if found:
            return meaning.format(*found.groups())
    return ""


def _wrong_dimensions(error: Exception) -> str:
    found = re.search(r"size: \[([\d, ]*)\]|got (\d)D input", str(error))
    sizes = found.group(1) if found else None
    count = len(sizes.split(",")) if sizes else int(found.group(2)) if found and found.group(2) else None
    shape = f" ({sizes})" if sizes else ""
    has = (
        f"its input has {_DIMENSION.get(count, str(count))}{shape}"
        if count is not None
        else "its input has a different number"
    )
    more = "Add height and width first" if count == 2 else "Print the shape before that layer"
    return f"the layer needs four dimensions (B, channels, height, width); {has}. {more}"


def _quoted(text: str) -> str:
    found = re.search(r"'(\w+)'", text)
    return found.group(1) if found else "a name"


def _shortened(error: Exception) -> str:
    """The first sentence of the error's own text."""
    first = (str(error).strip().splitlines() or [""])[0]
    first = re.split(r"(?<=[a-z)\]'])\. ", first)[0]
    return first if len(first) < 160 else f"{first[:157]}..."


def _own_line(error: Exception) -> str:
    """The innermost line outside of libraries and checks; otherwise the layer that failed, or ''."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame.line for frame in frames if frame.line and not frame.filename.startswith(_LIBRARIES)]
    if own:
        return own[-1] if len(own[-1]) < 90 else f"{own[-1][:87]}..."
    return _layer(error.__traceback__)


def _layer(trace: TracebackType | None) -> str:
    """The repr of the module whose forward raised the error."""
    found = ""
    while trace:
        module = trace.tb_frame.f_locals.get("self")
        if isinstance(module, nn.Module) and not [*module.children()]:
            try:
                found = repr(module).splitlines()[0]
            except AttributeError:  # its __init__ has failed
                found = type(module).__name__
        trace = trace.tb_next
    return found


def kind_of(result: Any) -> str:
    """Describe the type of a function's result."""
    if isinstance(result, Tensor):
        return "a nested tensor" if result.is_nested else f"a tensor {tuple(result.shape)}"
    if result is None:
        return "nothing (None)"
    if isinstance(result, tuple | list):
        return (
            f"{'a list of ' if isinstance(result, list) else ''}{len(result)} value{'s' * (len(result) != 1)}"
        )
    if isinstance(result, type):
        return f"the class {result.__name__}"
    if inspect.iscoroutine(result):
        result.close()
        return "a coroutine, because it is async"
    if inspect.isgenerator(result):
        return "a generator, because it has yield instead of return"
    if callable(result) and not isinstance(result, nn.Module):
        return "a function that is not called (are parentheses missing?)"
    name = type(result).__name__
    return {"ndarray": "a NumPy array", "str": "a string (str)"}.get(name, f"a {name}")


def parameters(function: Callable, names: Sequence[str]) -> str:
    """Describe the mistake in a function's parameters if it cannot take these arguments; '' if there is none."""
    try:
        inspect.signature(function).bind(*names)
    except TypeError:
        listed = [name for name in inspect.signature(function).parameters if name != "self"]
        order = ", in this order" if len(names) > 1 else ""
        has = f"its parameters are {', '.join(listed)}" if listed else "it has no parameters"
        return f"it is called with {', '.join(names)}{order}, but {has}."
    except ValueError:  # a built-in function
        pass
    return ""

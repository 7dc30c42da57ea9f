"""Tool calls: which tool a conversation names, and arguments that are valid under its schema."""

import re

from local.openai.chat_request import ChatRequest
from local.openai.engine.documents import Document
from local.openai.engine.reading import Reading
from local.openai.engine.reply import ToolCall
from local.openai.engine.schema import as_json, fill
from local.openai.engine.task import Task, TaskKind
from local.openai.engine.text import stem, words
from local.openai.engine.vocabulary import carries_meaning
from local.openai.tools import Tool

_PAIR = re.compile(r"\b(?P<name>[A-Za-z][\w ]{0,30}?)\s*(?:=|:)\s*(?P<value>\"[^\"]*\"|'[^']*'|[^,;\n]+)")


def call_tool(request: ChatRequest) -> ToolCall | None:
    """The call that `tool_choice` demands, or that the user's last message clearly names; None where it names none."""
    said = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    tool = _chosen(request, said)
    return None if tool is None else ToolCall(tool.name, as_json(_arguments(tool, said)))


def _chosen(request: ChatRequest, said: str) -> Tool | None:
    if request.tool_choice == "none" or not request.tools:
        return None
    if request.tool_choice.startswith("function:"):
        name = request.tool_choice.removeprefix("function:")
        return next(tool for tool in request.tools if tool.name == name)
    if request.tool_choice == "auto" and request.messages[-1].role != "user":
        return None
    stems = {stem(word.lower) for word in words(said)}
    scored = [(_named(tool, said, stems), -index) for index, tool in enumerate(request.tools)]
    best, position = max(scored)
    if request.tool_choice == "required" or best >= 1:
        return request.tools[-position]
    return None


def _named(tool: Tool, said: str, stems: set[str]) -> float:
    """1 where all words of the tool's name stand in the message; below, the share of them and of its description."""
    if tool.name.lower() in said.lower():
        return 2.0
    name = _stems(re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tool.name).replace("_", " ").replace("-", " "))
    described = _stems(tool.description)
    share = len(name & stems) / len(name) if name else 0.0
    if share == 1 and len(name) > 1:
        return 1 + 0.01 * len(name)
    return 0.7 * share + 0.2 * (len(described & stems) / len(described) if described else 0.0)


def _arguments(tool: Tool, said: str) -> object:
    fields = {match["name"].strip(): match["value"].strip().strip("\"'") for match in _PAIR.finditer(said)}
    document = Document({**fields, "": said})
    return fill(tool.parameters, [Reading(Task(TaskKind.CUSTOM, said), document)])


def _stems(text: str) -> set[str]:
    return {stem(word.lower) for word in words(text) if carries_meaning(word.lower)}

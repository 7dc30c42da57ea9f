"""What the engine says to a request: the one place that decides between tools, tasks over rows, and talk."""

from local.openai.chat_request import ChatRequest
from local.openai.engine.calls import call_tool
from local.openai.engine.documents import Document, Documents, find_documents
from local.openai.engine.reading import Reading
from local.openai.engine.refusal import refusal_of
from local.openai.engine.reply import Reply
from local.openai.engine.schema import as_json, fill
from local.openai.engine.summary import shorten
from local.openai.engine.task import TaskKind, read_task
from local.openai.engine.text import one_line

ABOUT = (
    "I am a set of offline rules, not a language model. I can summarise rows, extract key terms, score how well rows "
    "align with a criterion, classify them into labels, and find dates, amounts or names that a text states."
)
_RESULT_WORDS = 60
_PLAIN_PROPERTY = {
    TaskKind.SUMMARY: "summary",
    TaskKind.ALIGNMENT: "rationale",
    TaskKind.CLASSIFICATION: "label",
    TaskKind.CUSTOM: "answer",
}


def reply_to(request: ChatRequest) -> Reply:
    """The reply to a checked request; equal requests get equal replies."""
    if call := call_tool(request):
        return Reply(tool_calls=(call,))
    documents = find_documents(request.messages)
    if documents is None and request.response_format.kind == "text":
        return _talk(request)
    return _work(request, documents or _whole_message(request))


def _work(request: ChatRequest, documents: Documents) -> Reply:
    """A task over rows: JSON under the schema that was given, or plain text."""
    schema = request.response_format.schema
    task = read_task(request.messages, documents.around, schema)
    if refusal := refusal_of(task):
        return refusal
    readings = [Reading(task, document) for document in documents.rows]
    if schema is not None:
        return Reply(as_json(fill(schema, readings)))
    if request.response_format.kind == "json_object":
        plain = [
            {"terms": r.terms} if task.kind is TaskKind.TERMS else {_PLAIN_PROPERTY[task.kind]: r.primary}
            for r in readings
        ]
        return Reply(as_json(plain[0] if len(plain) == 1 else {"results": plain}))
    return Reply("\n".join(reading.primary for reading in readings))


def _talk(request: ChatRequest) -> Reply:
    last = request.messages[-1]
    if last.role == "tool":
        return Reply(f"The tool answered: {shorten(one_line(last.text), _RESULT_WORDS)}")
    return Reply(ABOUT)


def _whole_message(request: ChatRequest) -> Documents:
    """A schema without a documents block: the user's last message is the text."""
    said = next((message.text for message in reversed(request.messages) if message.role == "user"), "")
    return Documents((Document({"": said}),), "", "")

"""Runs one GenAI library with a model of its own kind for tests and prints the spans it emits as OTLP/JSON.

Usage: record.py LIBRARY. Every run asks for the same two tool calls; the second one fails.
"""

import base64
import json
import sys

from google.protobuf.json_format import MessageToDict
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

spans = InMemorySpanExporter()
provider = TracerProvider(resource=Resource.create({"service.name": "triage-agent"}))
provider.add_span_processor(SimpleSpanProcessor(spans))
trace.set_tracer_provider(provider)


def get_ticket(id: int) -> str:
    """Gets a ticket."""
    return "ticket"


def delete_file(path: str) -> str:
    """Deletes a file."""
    raise ValueError("denied")


def pydantic_ai() -> None:
    from pydantic_ai import Agent, InstrumentationSettings
    from pydantic_ai.models.test import TestModel

    Agent.instrument_all(InstrumentationSettings(tracer_provider=provider))
    for tool in (get_ticket, delete_file):
        agent = Agent(TestModel(call_tools=[tool.__name__]), name="triage")
        agent.tool_plain(tool)
        try:
            agent.run_sync("do it")
        except ValueError:
            pass


def langgraph() -> None:
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.tools import tool
    from langgraph.prebuilt import ToolNode, create_react_agent

    class FakeModel(GenericFakeChatModel):
        def bind_tools(self, tools, **options):
            return self

    def message(content="", calls=()):
        usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
        return AIMessage(content=content, tool_calls=list(calls), usage_metadata=usage)

    model = FakeModel(
        messages=iter(
            [
                message(calls=[{"name": "get_ticket", "args": {"id": 1}, "id": "call_FAKE1"}]),
                message(calls=[{"name": "delete_file", "args": {"path": "x"}, "id": "call_FAKE2"}]),
                message("done"),
            ]
        )
    )
    tools = ToolNode([tool(get_ticket), tool(delete_file)], handle_tool_errors=True)
    create_react_agent(model, tools, name="triage").invoke(
        {"messages": [("user", "do it")]},
        config={"configurable": {"thread_id": "thread-1"}, "metadata": {"session_id": "session-1"}},
    )


def openai_agents() -> None:
    import asyncio

    from agents import Agent, Model, ModelResponse, Runner, Usage, function_tool
    from agents.tracing import generation_span
    from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText

    def call(number, name, arguments):
        return ResponseFunctionToolCall(
            arguments=arguments, call_id=f"call_FAKE{number}", name=name, type="function_call"
        )

    answers = [
        call(1, "get_ticket", '{"id":1}'),
        call(2, "delete_file", '{"path":"x"}'),
        ResponseOutputMessage(
            id="message",
            content=[ResponseOutputText(annotations=[], text="done", type="output_text")],
            role="assistant",
            status="completed",
            type="message",
        ),
    ]

    class FakeModel(Model):
        async def get_response(self, *args, **options):
            with generation_span(model="fake-1", usage={"input_tokens": 10, "output_tokens": 5}):
                usage = Usage(requests=1, input_tokens=10, output_tokens=5, total_tokens=15)
                return ModelResponse(output=[answers.pop(0)], usage=usage, response_id="response")

        def stream_response(self, *args, **options):
            raise NotImplementedError

    agent = Agent(name="triage", model=FakeModel(), tools=[function_tool(get_ticket), function_tool(delete_file)])
    asyncio.run(Runner.run(agent, "do it"))


def google_adk() -> None:
    import asyncio

    from google.adk.agents import LlmAgent
    from google.adk.models import BaseLlm, LlmResponse
    from google.adk.runners import InMemoryRunner
    from google.genai import types

    def call(number, name, arguments):
        return types.Part(function_call=types.FunctionCall(id=f"call_FAKE{number}", name=name, args=arguments))

    answers = [call(1, "get_ticket", {"id": 1}), call(2, "delete_file", {"path": "x"}), types.Part(text="done")]

    class FakeModel(BaseLlm):
        model: str = "fake-1"

        async def generate_content_async(self, request, stream=False):
            usage = types.GenerateContentResponseUsageMetadata(prompt_token_count=10, candidates_token_count=5)
            content = types.Content(role="model", parts=[answers.pop(0)])
            yield LlmResponse(content=content, usage_metadata=usage)

    async def run():
        agent = LlmAgent(name="triage", model=FakeModel(), tools=[get_ticket, delete_file])
        runner = InMemoryRunner(agent=agent, app_name="app")
        await runner.session_service.create_session(app_name="app", user_id="user", session_id="session-1")
        message = types.Content(role="user", parts=[types.Part(text="do it")])
        async for _ in runner.run_async(user_id="user", session_id="session-1", new_message=message):
            pass

    try:
        asyncio.run(run())
    except ValueError:
        pass


def openinference_langgraph() -> None:
    from openinference.instrumentation.langchain import LangChainInstrumentor

    LangChainInstrumentor().instrument(tracer_provider=provider)
    langgraph()


def openinference_openai_agents() -> None:
    from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
    openai_agents()


def openllmetry_langgraph() -> None:
    from opentelemetry.instrumentation.langchain import LangchainInstrumentor

    LangchainInstrumentor().instrument(tracer_provider=provider)
    langgraph()


def openllmetry_openai_agents() -> None:
    from opentelemetry.instrumentation.openai_agents import OpenAIAgentsInstrumentor

    OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
    openai_agents()


def traceloop_guardrails() -> None:
    """A guardrail that passes, and one that fails and raises."""
    import asyncio
    from contextlib import redirect_stdout

    from traceloop.sdk import Traceloop
    from traceloop.sdk.guardrail import Guardrails

    with redirect_stdout(sys.stderr):
        # It adds its exporter to the provider above, whose own processor holds every span already.
        Traceloop.init(
            app_name="triage-agent", exporter=InMemorySpanExporter(), telemetry_enabled=False, instruments=set()
        )

    async def answer():
        return "ticket"

    async def run():
        await Guardrails(lambda value: True, name="passes", on_failure="raise").run(answer)
        try:
            await Guardrails(lambda value: False, name="fails", on_failure="raise").run(answer)
        except Exception:
            pass

    asyncio.run(run())


def fastmcp() -> None:
    """An MCP server and its client in one process: both sides of the same two calls."""
    import asyncio

    from fastmcp import Client, FastMCP

    server = FastMCP("tickets")
    server.tool(get_ticket)
    server.tool(delete_file)

    async def run():
        async with Client(server) as client:
            await client.list_tools()
            await client.call_tool("get_ticket", {"id": 1})
            try:
                await client.call_tool("delete_file", {"path": "x"})
            except Exception:
                pass

    asyncio.run(run())


def agent_governance_toolkit() -> None:
    """Three verdicts of its policy engine as its documentation traces them, an approval, a trust check, and its other tracer."""
    from agentmesh.governance import PolicyEngine
    from agentmesh.governance import otel_observability as observability
    from agentmesh.observability.otel_sdk import GovernanceInstrumentor

    observability.enable_otel(service_name="triage-agent")
    engine = PolicyEngine()
    engine.load_yaml(
        """
apiVersion: governance.toolkit/v1
name: org-baseline
agents: ["*"]
default_action: allow
rules:
  - {name: block-delete, condition: "action.type == 'delete'", action: deny}
  - {name: approve-export, condition: "action.type == 'export'", action: require_approval, approvers: [admin]}
"""
    )
    for action in ("read", "delete", "export"):
        with observability.trace_policy_evaluation(agent_id="triage", stage="pre_tool") as result:
            decision = engine.evaluate("triage", {"action": {"type": action}}, stage="pre_tool")
            result.update(action=decision.action, rule=decision.matched_rule, allowed=decision.allowed)
            result["policy_name"] = decision.policy_name
    with observability.trace_approval(agent_id="triage", rule_name="approve-export") as result:
        result.update(outcome="rejected", approver="admin")
    with observability.trace_trust_verification(agent_id="triage") as result:
        result.update(score=700, tier="trusted")
    with GovernanceInstrumentor().trace_policy_evaluation("delete", "triage"):
        pass


def ids_as_hex(node) -> None:
    """Rewrites ids, which protobuf's JSON holds as base64, as OTLP/JSON wants them."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("traceId", "spanId", "parentSpanId"):
                node[key] = base64.b64decode(value).hex()
            else:
                ids_as_hex(value)
    elif isinstance(node, list):
        for value in node:
            ids_as_hex(value)


globals()[sys.argv[1].replace("-", "_")]()
request = MessageToDict(encode_spans(spans.get_finished_spans()), use_integers_for_enums=True)
ids_as_hex(request)
print(json.dumps(request))

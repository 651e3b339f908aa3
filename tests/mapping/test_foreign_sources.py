"""
A foreign span becomes a step: what it is, what it is called, whether it failed, what it used.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from droidscope.conventions import attributes as names
from droidscope.mapping.foreign_spans import read_step
from droidscope.mapping.genai import OPERATION_COST, WORKFLOW_NAME
from droidscope.mapping.openinference import METADATA, SPAN_KIND
from droidscope.mapping.step_builder import NAME_LENGTH, SESSION_ID
from droidscope.model.foreign_steps import Role, SpanSource, Step
from droidscope.model.otlp import STATUS_ERROR
from droidscope.model.records import Usage
from foreign import span


@pytest.mark.parametrize(
    ("found", "role", "name"),
    [
        (span("chat m", gen_ai__operation__name="chat"), Role.MODEL, ""),
        (span("x", gen_ai__operation__name="text_completion"), Role.MODEL, ""),
        (span("x", gen_ai__operation__name="generate_content"), Role.MODEL, ""),
        (span("x", gen_ai__operation__name="invoke_agent", gen_ai__agent__name="ada"), Role.AGENT, "ada"),
        (span("invoke_agent ada", gen_ai__operation__name="invoke_agent"), Role.AGENT, "ada"),
        (span("run of ada", gen_ai__operation__name="invoke_agent"), Role.AGENT, "run of ada"),
        (
            span(
                "x",
                gen_ai__operation__name="invoke_agent",
                gen_ai__agent__name="9f",
                crewai__agent__role="ada",
            ),
            Role.AGENT,
            "ada",
        ),
        (
            span("x", gen_ai__operation__name="invoke_workflow", gen_ai__workflow__name="w"),
            Role.WORKFLOW,
            "w",
        ),
        (span("x", gen_ai__operation__name="invoke_workflow", gen_ai__agent__name="w"), Role.WORKFLOW, "w"),
        (span("invoke_workflow w", gen_ai__operation__name="invoke_workflow"), Role.WORKFLOW, "w"),
        (span("invoke_swarm", gen_ai__operation__name="invoke_swarm"), Role.WORKFLOW, "invoke_swarm"),
        (span("invoke_graph", gen_ai__operation__name="invoke_graph"), Role.WORKFLOW, "invoke_graph"),
        (span("x", gen_ai__operation__name="execute_tool", gen_ai__tool__name="grep"), Role.TOOL, "grep"),
        (span("execute_tool grep", gen_ai__operation__name="execute_tool"), Role.TOOL, "grep"),
        (
            span("x", gen_ai__operation__name="execute_tool", gen_ai__tool__name="handoff_to_agent"),
            Role.HANDOFF,
            None,
        ),
        (
            span("x", gen_ai__operation__name="execute_tool", gen_ai__tool__name="transfer_to_ada"),
            Role.HANDOFF,
            None,
        ),
        (
            span("x", gen_ai__operation__name="execute_tool", gen_ai__tool__name="transfer_money"),
            Role.TOOL,
            None,
        ),
        (
            span("execute_task", gen_ai__operation__name="execute_task", crewai__task__name="t"),
            Role.PHASE,
            "t",
        ),
        (span("invoke_node n", gen_ai__operation__name="invoke_node"), Role.PHASE, "n"),
        (span("plan", gen_ai__operation__name="plan"), Role.PHASE, "plan"),
        (span("embeddings m", gen_ai__operation__name="embeddings"), Role.OTHER, ""),
        (span("x", openinference__span__kind="LLM"), Role.MODEL, ""),
        (span("x", openinference__span__kind="TOOL", tool__name="grep"), Role.TOOL, "grep"),
        (span("grep", openinference__span__kind="TOOL"), Role.TOOL, "grep"),
        (span("handoff to ada", openinference__span__kind="TOOL"), Role.HANDOFF, None),
        (span("x", openinference__span__kind="AGENT", agent__name="ada"), Role.AGENT, "ada"),
        (span("x", openinference__span__kind="AGENT", graph__node__id="ada"), Role.AGENT, "ada"),
        (span("ada.run", openinference__span__kind="AGENT", smolagents__max_steps=9), Role.AGENT, "ada"),
        (span("team", openinference__span__kind="AGENT"), Role.WORKFLOW, "team"),
        (span("team", openinference__span__kind="CHAIN"), Role.WORKFLOW, "team"),
        (span("x", openinference__span__kind="RETRIEVER"), Role.OTHER, ""),
        (span("GET /"), Role.OTHER, ""),
    ],
    ids=lambda value: f"{value.name} {[*value.attributes.values()]}" if hasattr(value, "attributes") else "",
)
def test_a_span_has_the_role_and_name_its_source_gives_it(found, role, name):
    """
    By the operation's or the span's kind; a name None is not looked at.
    """
    step = read_step(found)

    assert step.role is role
    assert name is None or step.name == name


def metadata(**values):
    return {"openinference__span__kind": "CHAIN", "metadata": json.dumps(values)}


@pytest.mark.parametrize(
    ("values", "role"),
    [
        ({"langgraph_node": "ada", "ls_integration": "langgraph"}, Role.AGENT),
        ({"langgraph_node": "ada", "ls_integration": "langchain_create_agent"}, Role.WORKFLOW),
        ({"langgraph_node": "tools", "ls_integration": "langgraph"}, Role.WORKFLOW),
        ({"lc_agent_name": "ada", "ls_integration": "langchain_create_agent"}, Role.AGENT),
        ({"lc_agent_name": "bob", "langgraph_node": "ada"}, Role.WORKFLOW),
        ({"langgraph_node": ["ada"], "ls_integration": "langgraph"}, Role.WORKFLOW),
        ({"ls_integration": "langgraph"}, Role.WORKFLOW),
    ],
)
def test_langgraph_s_nodes_and_agents_are_agents(values, role):
    """
    A node of the user's graph and a created agent are; what runs inside them, or in them, is not.
    """
    assert read_step(span("ada", **metadata(**values))).role is role


def test_agent_in_a_name_changes_no_role():
    """
    The instrumentor of LangChain gives the kind AGENT to whatever has the word in its name.
    """
    node = metadata(langgraph_node="my_agent", ls_integration="langgraph")
    inside = metadata(langgraph_node="my_agent", ls_integration="langchain_chat_model")
    of_kind = {"openinference__span__kind": "AGENT"}
    found = [
        read_step(span("my_agent", **node | of_kind)),
        read_step(span("AgentModel", **inside | of_kind, llm__token_count__prompt=5)),
        read_step(span("agent_tool", **node | of_kind, tool__name="agent_tool")),
        read_step(span("run_agent", **node | of_kind)),
        read_step(span("my_agent", **metadata(ls_integration="langgraph") | of_kind)),
    ]

    roles = [Role.AGENT, Role.MODEL, Role.TOOL, Role.WORKFLOW, Role.WORKFLOW]
    assert [step.role for step in found] == roles
    assert found[1].usage.input == 5


@pytest.mark.parametrize("name", ["__start__", "__end__"])
def test_what_langgraph_adds_to_a_graph_is_no_agent(name):
    """
    Its entry runs as a node where conditional edges leave it.
    """
    values = metadata(langgraph_node=name, ls_integration="langgraph")

    assert read_step(span(name, **values)).role is Role.WORKFLOW


def test_a_langgraph_run_is_known_by_its_checkpoint():
    """
    A node tried again has the same checkpoint namespace.
    """
    values = metadata(langgraph_node="ada", ls_integration="langgraph", langgraph_checkpoint_ns="ada:1")

    assert read_step(span("ada", **values)).run_key == "ada:1"


@pytest.mark.parametrize("text", ["langgraph_node", '{"langgraph_node": ', "langgraph_node" * 10_000])
def test_metadata_of_somebody_else_do_no_harm(text):
    """
    Users put anything into `metadata`: what is no JSON, or too much of it, is ignored.
    """
    assert read_step(span("ada", openinference__span__kind="CHAIN", metadata=text)).role is Role.WORKFLOW


def test_spans_of_ours_are_not_foreign():
    """
    By their scope or their kind, whatever standard attributes they also have.
    """
    assert read_step(span(orchestrator__kind="task", gen_ai__operation__name="invoke_agent")) is None
    assert read_step(span(scope=names.SCOPE)) is None


def test_the_first_source_that_recognises_a_span_reads_it():
    """
    A span with the attributes of both conventions is a GenAI span.
    """
    both = read_step(span(gen_ai__operation__name="chat", openinference__span__kind="TOOL"))

    assert (both.source, both.role) == (SpanSource.GEN_AI, Role.MODEL)


def test_a_failure_shows_as_status_or_error_type():
    """
    An exception that the span recovered from does not make it failed, nor has it an error type.
    """
    thrown = [("exception", {"exception.type": "First"}), ("exception", {"exception.type": "Boom"})]

    by_status = read_step(span(status=STATUS_ERROR, events=thrown))
    by_attribute = read_step(span(error__type="timeout", events=thrown))
    recovered = read_step(span(events=thrown))

    assert (by_status.failed, by_status.error_type) == (True, "Boom")
    assert (by_attribute.failed, by_attribute.error_type) == (True, "timeout")
    assert (recovered.failed, recovered.error_type) == (False, "")


def test_usage_is_read_in_the_names_of_each_source():
    """
    Current names, their predecessors, OpenInference's, and dollars where the source has them.
    """
    current = {
        "input_tokens": 5,
        "output_tokens": 3,
        "cache_read.input_tokens": 2,
        "cache_write.input_tokens": 1,
    }
    genai = {f"gen_ai.usage.{name}": count for name, count in current.items()}
    chat = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "m", OPERATION_COST: 0.5}
    old = {"gen_ai.usage.prompt_tokens": 5, "gen_ai.usage.completion_tokens": 3}
    inference = {
        SPAN_KIND: "LLM",
        "llm.model_name": "m",
        "llm.token_count.prompt": 5,
        "llm.token_count.completion": 3,
        "llm.token_count.prompt_details.cache_read": 2,
        "llm.token_count.prompt_details.cache_write": 1,
        "llm.cost.total": 0.5,
    }

    assert read_step(span(**chat, **genai)).usage == Usage("m", 5, 3, 2, 1, 0.5)
    assert read_step(span(**inference)).usage == Usage("m", 5, 3, 2, 1, 0.5)
    assert read_step(span(**{"gen_ai.operation.name": "chat"}, **old)).usage == Usage("", 5, 3)
    assert read_step(span(gen_ai__operation__name="chat")).usage is None


def test_sessions_and_conversations_are_kept():
    """
    `session.id` of any span, `gen_ai.conversation.id` of GenAI spans.
    """
    step = read_step(span(session__id="s", gen_ai__operation__name="chat", gen_ai__conversation__id="c"))

    assert (step.session_id, step.conversation_id) == ("s", "c")
    assert read_step(span(session__id="s")).session_id == "s"


def test_ids_of_ours_on_a_foreign_span_say_where_it_ran():
    """
    Our span processor writes them; without a task, the agent's name is the span's own.
    """
    ids = {names.SESSION_ID: "s", names.PATTERN_ID: "p", names.PHASE_ID: "f"}
    in_task = read_step(
        span(**ids, **{names.TASK_ID: "t", names.TASK_TYPE: "y", names.AGENT_NAME: "d"})
    ).native_place
    in_session = read_step(span(**ids, **{names.AGENT_NAME: "d"})).native_place

    assert (in_task.session, in_task.pattern, in_task.phase) == ("s", "p", "f")
    assert (in_task.task, in_task.task_type, in_task.droid) == ("t", "y", "d")
    assert (in_session.task, in_session.droid) == ("", "")
    assert not in_task.native
    assert read_step(span()).native_place is None


def test_long_names_are_cut():
    """
    A step stays small, whatever a model answered into a name.
    """
    step = read_step(span("n" * 9999, openinference__span__kind="CHAIN", session__id="s" * 9999))

    assert (len(step.name), len(step.session_id)) == (NAME_LENGTH, NAME_LENGTH)


KEYS = [
    names.OPERATION,
    names.AGENT_NAME,
    names.TOOL_NAME,
    names.INPUT_TOKENS,
    names.ERROR_TYPE,
    names.SESSION_ID,
    names.TASK_ID,
    SESSION_ID,
    SPAN_KIND,
    METADATA,
    WORKFLOW_NAME,
    OPERATION_COST,
]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.binary(),
    st.lists(st.text()),
    st.sampled_from(
        ["chat", "invoke_agent", "execute_tool", "LLM", "AGENT", "CHAIN", '{"langgraph_node": 1}']
    ),
)


@given(st.dictionaries(st.sampled_from(KEYS), VALUES), st.text())
def test_no_attribute_is_too_strange(attributes, name):
    """
    Values of the wrong type count as absent; a step always comes out.
    """
    assert isinstance(read_step(span(name, **attributes)), Step)

"""The bridge to Inspect AI; skipped where the extra `inspect` is not installed."""

import gc
import json
from pathlib import Path

import pytest

inspect_ai = pytest.importorskip("inspect_ai")

from inspect_ai import Task, dataset, model, scorer, solver, tool  # noqa: E402

from archgraph import errors  # noqa: E402
from archgraph.suites import inspect_bridge  # noqa: E402

# warnings of Inspect's own, and of its event loop
pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Inspect's mock model counts tokens with a file that it would fetch; litellm ships it."""
    import litellm

    held = Path(litellm.__file__).parent / "litellm_core_utils" / "tokenizers"
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(held))
    monkeypatch.setenv("INSPECT_LOG_DIR", str(tmp_path / "logs"))
    yield
    gc.collect()  # what Inspect's loop left open is told here, where it is ignored


def run(agent, samples, **more):
    task = Task(
        dataset=dataset.MemoryDataset(samples), solver=agent, scorer=scorer.includes(), **more
    )
    chosen = more.pop("model", "mockllm/model")
    [log] = inspect_ai.eval(task, model=chosen, display="none", log_format="json")
    assert log.status == "success", log.error
    return log


def talk(*texts, question):
    said = [model.ChatMessageUser(content=text) for text in texts]
    return [*said, model.ChatMessageUser(content=question)]


def test_an_architecture_answers_inspects_samples_from_its_memory():
    samples = [
        dataset.Sample(
            input=talk(
                "My dog is called Rex.", "I live in Lyon.", question="What is my dog called?"
            ),
            target="Rex",
        ),
        dataset.Sample(
            input=talk("My cat is called Tom.", question="What is my cat called?"), target="Tom"
        ),
    ]
    log = run(inspect_bridge.archgraph_agent("memgpt", context_window=8192), samples)
    assert log.results.scores[0].metrics["accuracy"].value == 1.0
    assert [each.output.metadata["archgraph"]["status"] for each in log.samples] == ["done"] * 2


def test_each_sample_is_a_fresh_agent():
    samples = [
        dataset.Sample(input=talk("My dog is called Rex.", question="Hello!"), target=""),
        dataset.Sample(input="What is my dog called?", target="no information"),
    ]
    log = run(inspect_bridge.archgraph_agent("memgpt"), samples, epochs=2)
    last = [each for each in log.samples if each.id == 2]
    assert len(last) == 2 and all("Rex" not in each.output.completion for each in last)


def test_inspects_model_answers_with_tools_when_asked():
    seen = []

    def answer(messages, tools, choice, config):
        seen.append((messages, [each.name for each in tools], config))
        call = tool.ToolCall("c1", "send_message", {"message": "It is Rex.", "inner_thoughts": "x"})
        made = model.ModelOutput.from_content("mockllm/model", "")
        made.choices[0].message.tool_calls = [call]
        made.usage = model.ModelUsage(input_tokens=5, output_tokens=2, total_tokens=7)
        return made

    mock = model.get_model("mockllm/model", custom_outputs=answer)
    agent = inspect_bridge.archgraph_agent("memgpt", model="inspect")
    log = run(agent, [dataset.Sample(input="My dog?", target="Rex")], model=mock)
    assert log.samples[0].output.completion == "It is Rex."
    [(messages, names, config)] = seen
    assert messages[0].role == "system" and "My dog?" in messages[-1].text
    assert "archival_memory_search" in names and config.max_tokens
    events = [each for each in log.samples[0].events if each.event == "model"]
    assert len(events) == 1  # Inspect's log has the call
    assert log.stats.model_usage["mockllm/model"].output_tokens == 2


def test_it_works_as_a_solver_with_overrides_and_a_system_message():
    @solver.solver
    def brief():
        async def solve(state, generate):
            state.messages.insert(0, model.ChatMessageSystem(content="Answer in one word."))
            return state

        return solve

    agent = inspect_bridge.archgraph_agent("memgpt", archival=None, archival_memory_insert=None,
                                           archival_memory_search=None)  # fmt: skip
    sample = dataset.Sample(input="My name is Ann. What is my name?", target="Ann")
    log = run([brief(), agent], [sample])
    assert "Ann" in log.samples[0].output.completion


def test_wrong_architectures_and_samples_are_told():
    with pytest.raises(errors.SpecError, match='did you mean "memgpt"'):
        inspect_bridge.archgraph_agent("memgtp")
    with pytest.raises(errors.InputError, match="no user message"):
        list(inspect_bridge._conversation([model.ChatMessageSystem(content="x")]))


def test_wire_messages_keep_calls_and_their_faults():
    wire = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    made = inspect_bridge._message({"role": "assistant", "content": None, "tool_calls": [wire]})
    assert made.tool_calls[0].arguments == {"a": 1}
    broken = inspect_bridge._call({**wire, "function": {"name": "f", "arguments": '{"a":'}})
    assert broken.parse_error and broken.arguments == {}
    output = model.ModelOutput.from_content("m", "hi", stop_reason="max_tokens")
    output.choices[0].message.tool_calls = [tool.ToolCall("c", "f", {}, "bad"), made.tool_calls[0]]
    done = inspect_bridge._completion(output)
    assert (done.text, done.finish_reason) == ("hi", "length")
    assert [each.arguments for each in done.tool_calls] == ["bad", json.dumps({"a": 1})]
    output.choices[0].stop_reason = "model_length"
    with pytest.raises(errors.ContextOverflow):
        inspect_bridge._completion(output)

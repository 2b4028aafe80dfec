"""LangGraph with its SQLite checkpointer and ChatOpenAI, as its tutorials write it.

`python -m benchmarks.peers.langgraph_peer URL reply|hb10 HISTORY TURNS`, in an environment with
the `bench` extra. Default durability of `invoke`, default pragmas of SqliteSaver. The tool's rows
lie in a file of their own: its tools run in other threads than the checkpointer's writes.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage, SystemMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from benchmarks.peers import loop

THREAD: Any = {"configurable": {"thread_id": "bench"}, "recursion_limit": 50}


class LangGraph:
    """One conversation: one thread in one checkpoint file."""

    def __init__(self, url: str, mode: str, path: Path) -> None:
        notes = sqlite3.connect(f"{path}.notes", check_same_thread=False, isolation_level=None)
        notes.executescript(
            """PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;
            CREATE TABLE IF NOT EXISTS notes (id INTEGER PRIMARY KEY, text TEXT NOT NULL);"""
        )

        @tool
        def remember(text: str) -> str:
            """Keep a fact about the user for later."""
            notes.execute("INSERT INTO notes(text) VALUES (?)", (text,))
            return "kept"

        model = ChatOpenAI(model=mode, base_url=url, api_key="none").bind_tools([remember])  # type: ignore[arg-type]

        def chatbot(state: MessagesState) -> dict[str, Any]:
            return {"messages": [model.invoke([SystemMessage(loop.SYSTEM), *state["messages"]])]}

        builder = StateGraph(MessagesState)
        builder.add_node("chatbot", chatbot)
        builder.add_node("tools", ToolNode([remember]))
        builder.add_edge(START, "chatbot")
        builder.add_conditional_edges("chatbot", tools_condition)
        builder.add_edge("tools", "chatbot")
        self.notes = notes
        self.database = sqlite3.connect(path, check_same_thread=False)
        self.graph = builder.compile(checkpointer=SqliteSaver(self.database))

    @classmethod
    def prepare(cls, url: str, mode: str, path: Path, history: int) -> None:
        conversation = cls(url, mode, path)
        kinds = {"user": HumanMessage, "assistant": AIMessage}
        messages = [kinds[role](text) for role, text in loop.past(history)]
        conversation.graph.update_state(THREAD, {"messages": messages}, as_node="chatbot")
        conversation.close()

    def turn(self, text: str) -> str:
        state = self.graph.invoke({"messages": [HumanMessage(text)]}, THREAD)
        return str(state["messages"][-1].content)

    def close(self) -> None:
        self.database.close()
        self.notes.close()


if __name__ == "__main__":
    loop.main(LangGraph)

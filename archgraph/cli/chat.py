"""`chat`: a conversation on a terminal, or in a pipe."""

from __future__ import annotations

import click

from archgraph.cli import options, talking


@click.command()
@options.with_agent
@options.quiet
def chat(who: options.Who, quiet: bool) -> int:
    """Talk with an agent, and look into it while you do: type /help there.

    With an architecture the agent lives in memory until you leave, unless --agent names a file.
    With an agent's file, the conversation goes on there. Ctrl-C stops a turn and clears
    a line; Ctrl-D leaves.
    """
    from archgraph.cli import chat_verbs, conversation

    talk = conversation.Conversation(who.open())
    try:
        if not quiet:
            talk.introduce(who.source)
        return talk.run(lambda line: chat_verbs.perform(talk, line))
    except KeyboardInterrupt:
        talk.voice.end()
        return talking.stopped(talk.agent)
    finally:
        talk.agent.close()

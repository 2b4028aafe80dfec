"""For tests of architectures and plugins: a scripted model, a frozen clock, a store's contract.

    class TestMine(testing.StoreContract):
        store_type = Mine

        def write(self, store, i):
            store.note(self.text(i))

runs the conformance suite under pytest. Each failure names the promise that is not kept and what
to do. `python -m archgraph.testing my_plugin:Mine` does the same without a test file and prints
a table. Our own types pass the same suite; it stands in `archgraph.conformance`.
"""

from __future__ import annotations

from archgraph import clock
from archgraph.conformance import kit, suite
from archgraph.llm import scripted

ScriptedGateway = scripted.Scripted
FrozenClock = clock.VirtualClock
StoreContract = suite.StoreContract

MOMENT = kit.MOMENT
TEXTS = kit.TEXTS
count_tokens = kit.count_tokens

if __name__ == "__main__":
    from archgraph.conformance import report

    report.main()

"""From plan to behaviour: a pure reducer, one scheduler, one step."""

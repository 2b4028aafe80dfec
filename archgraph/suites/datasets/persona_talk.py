"""Small talk: greetings, reactions and exchanges that tell nothing which is asked about later.

Called by `persona_chat`. Slots such as {food} are drawn from `SLOTS`; {o} is the other's name.
"""

from __future__ import annotations

HELLO = (
    "Hey {o}, got a minute?", "{o}! There you are.", "Hi {o}, long time no see.", "Morning, {o}!",
    "Hello stranger.", "Hey you. How was the {time}?", "Hi! I was just thinking of you, {o}.",
    "Oh good, you're online.", "Evening, {o}. Tell me something nice.", "Hi {o}, how's it going?",
)  # fmt: skip
BACK = (
    "Hey {o}! All fine here, a bit {mood}.", "Hi! Can't complain, well, I could.",
    "{o}, finally! I've been {mood} all {time}.", "Hello hello. Busy {time}, but good.",
    "Hey. Still {mood}, thanks for asking.", "Oh hi! Same old, same old.",
    "Good to hear from you, it's been a {mood} {time}.",
)  # fmt: skip
BYE = (
    "I should go, the {thing} won't fix itself.", "Right, bed for me. Talk soon!",
    "Got to run, somebody is at the door.", "Let's talk again soon, {o}.", "Okay, off I go. Bye!",
    "That's my stop, talk later.", "Time to cook. Take care, {o}.",
)  # fmt: skip
SEE_YOU = (
    "Bye {o}, take care!", "Sleep well.", "Talk soon, {o}!", "See you. And drink some water.",
    "Bye bye!", "Okay, same time next week?", "Have a good one.",
)  # fmt: skip
REACTIONS = (
    "No way!", "Ha, that sounds like you.", "Really? Since when?", "Oh, I had no idea.",
    "That's great, {o}.", "I'm a little jealous, to be honest.", "Good for you!",
    "Oh dear. And how do you feel about it?", "You never do things by halves, do you?",
    "I want to hear everything.", "Tell me more.", "Wow, okay!", "That made me smile.",
    "I would never have guessed.", "And you tell me that only now?", "How lovely.",
)  # fmt: skip
ANSWERS = (
    "Yes, it took me by surprise as well.", "I know, I know.", "Let's see how long it lasts.",
    "It's fine, really, I'm happy about it.", "There's not much more to tell, honestly.",
    "Thanks, that's kind of you.", "You'd laugh if you had seen my face.",
    "Ask me again in a month.", "I'll send you a picture some time.",
)  # fmt: skip
LEADS = (
    "", "", "", "By the way: ", "Oh, before I forget. ", "Actually, ", "Listen to this. ",
    "Speaking of which. ", "Okay, news. ", "Hm, what else? ",
)  # fmt: skip

EXCHANGES = (
    ("The {weather} is getting on my nerves.", "Same here, I haven't seen a dry {thing} in days.",
     "At least the {food} tastes better in this weather."),
    ("Did you watch that {show} everyone talks about?", "Two episodes, then I fell asleep.",
     "You missed the best part, the ending is {quality}."),
    ("I burnt the {food} again.", "Again? We need to get you a timer.",
     "I have a timer. I ignore the timer."),
    ("The bus was {late} late this morning.", "Mine never came at all, I walked.",
     "Walking might be healthier anyway."),
    ("Is it me or is everything more {quality} lately?", "It's the {time}, it does that to people.",
     "Then I blame the {time}."),
    ("I can't find my {thing} anywhere.", "Have you looked in the fridge? I'm serious.",
     "You won't believe where it was."),
    ("I tried the new café by the {place}.", "And? Is the {food} any good?",
     "It was {quality}, but the music was far too loud."),
    ("My neighbour has been drilling since {hour}.", "On a {day}? That's criminal.",
     "I have started to hum along."),
    ("What are you reading at the moment?", "The {show} novel, the thick one. It's {quality}.",
     "Lend it to me when you're through."),
    ("I slept terribly, the moon was so bright.", "I slept like a stone. Sorry.",
     "Rub it in, why don't you."),
    ("They closed the road by the {place}, what a mess.", "I know, it cost me {late}.",
     "And they say it will stay like that until autumn."),
    ("Do you still have my {thing}?", "I do, I keep forgetting to bring it.",
     "No hurry, I only need it on {day}."),
    ("The internet was down all {time}.", "How did you survive?",
     "I talked to people. It was {quality}."),
    ("I think I'm getting a cold.", "Ginger, honey, and no arguing.", "Yes, doctor."),
    ("My phone is dying, if I vanish that's why.", "Classic. Is there no charger by the {place}?",
     "There is, and there's a queue for it."),
    ("I tidied the whole kitchen on {day}.", "Are you feeling all right?",
     "I was looking for the {thing}, it just got out of hand."),
    ("They had a sale on {food}, I now own eleven packs.", "Eleven? What happened to twelve?",
     "We don't talk about the twelfth."),
    ("Somebody parked across my gate again.", "Leave a note. A polite one. At first.",
     "My notes have become shorter every {day}."),
    ("The printer at the library ate my form.", "It does that, it can smell a deadline.",
     "I filled it in by hand, it took {late}."),
    ("I've had that song from the {show} in my head all {time}.", "Thanks, now I have it, too.",
     "You're welcome."),
    ("I queued {late} for stamps.", "People still send letters?", "My aunt insists on it."),
    ("There was a rainbow over the {place}.", "Did you take a picture?",
     "Ten, and they're all {quality}."),
    ("Have you ever put {food} on toast?", "I have, and I regret nothing.",
     "Then I'm not alone with it."),
    ("My {thing} broke, the third one this year.", "You're hard on your things.",
     "They're hard on me."),
    ("I walked past our old table by the {place}.", "Oh, I miss that place.",
     "They've painted it, it looks {quality}."),
    ("What a {quality} {day} that was.", "Tell me about it, I went to bed at {hour}.",
     "Wise. I should have done the same."),
    ("The heating makes a noise like a {thing}.", "Mine sings. It depends on the {weather}.",
     "We could start a choir."),
    ("I promised to bring {food} to the picnic.", "Who is coming?",
     "Everyone who answered, so four people and a dog that isn't ours."),
    ("Could you water things at mine on {day}?", "Sure, leave the key with the {place} people.",
     "You're an angel."),
    ("I've started to write lists of my lists.", "Is there a list of those?", "Don't tempt me."),
)  # fmt: skip
SLOTS = {
    "food": ("soup", "toast", "lasagne", "pancakes", "rice", "stew", "cake", "noodles", "salad",
             "omelette", "porridge", "jam"),
    "time": ("week", "morning", "weekend", "evening", "month", "afternoon"),
    "mood": ("tired", "cheerful", "restless", "sleepy", "hectic", "strange", "slow", "cosy"),
    "thing": ("umbrella", "ladder", "kettle", "blanket", "torch", "suitcase", "screwdriver", "lamp",
              "raincoat", "notebook", "thermos"),
    "weather": ("rain", "fog", "heat", "wind", "drizzle", "frost", "storm"),
    "show": ("lighthouse", "detective", "kitchen", "island", "royal", "submarine", "courtroom"),
    "quality": ("wonderful", "weird", "dull", "lovely", "odd", "charming", "gloomy", "brilliant"),
    "late": ("ten minutes", "half an hour", "an hour", "twenty minutes", "forever"),
    "place": ("station", "market", "harbour", "library", "bridge", "park", "theatre", "fountain"),
    "hour": ("six", "seven", "half past nine", "ten", "midnight"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
}  # fmt: skip

"""Sample conversations about travel, the kitchen, the house and the garden."""

from __future__ import annotations

from .subjects import Subject, Tool, Turn

_ITALIAN = (
    ("the bill", "il conto", "Il conto, per favore."),
    ("the platform", "il binario", "Da quale binario parte il treno?"),
    ("the key", "la chiave", "Ho dimenticato la chiave in camera."),
    ("the corner", "l'angolo", "La farmacia è dietro l'angolo."),
    ("the beach", "la spiaggia", "Andiamo in spiaggia a piedi."),
    ("the change", "il resto", "Tenga il resto."),
    ("the ferry", "il traghetto", "Il traghetto parte alle nove."),
    ("the neighbour", "il vicino", "Il vicino ha un cane piccolo."),
    ("the raincoat", "l'impermeabile", "Non dimenticare l'impermeabile."),
    ("the spoon", "il cucchiaio", "Mi porta un cucchiaio?"),
)

LIVING = (
    Subject(
        "A week in {{city}} with two children",
        "Travel / 旅行",
        (
            Turn(
                "Plan five days in {{city}} with children aged 6 and 9. No more than two things a day.",
                "1. **Arrival**: a walk by the water, ice cream, an early night.\n2. **Old town** in the "
                "morning, a playground after lunch.\n3. **By boat** to the island, back by bus.\n"
                "4. **Nothing planned.**\n5. **Market**, then the train.\n\n"
                "Every day leaves an hour for a rest after lunch.",
            ),
            Turn(
                "What will it cost without the flights?",
                "About 1,240 € for four:\n\n| | € |\n|---|---:|\n| rooms | 610 |\n| food | 390 |\n"
                "| tickets and boats | 160 |\n| buses | 80 |",
            ),
            Turn("And if it rains? 🌧️", "Swap day 3 for the aquarium 🐙: tickets are cheaper after 16:00."),
        ),
        ("family",),
    ),
    Subject(
        "Better {{dish}}",
        "Kitchen",
        (
            Turn(
                "My {{dish}} comes out dense. 500 g flour, 300 g water, one night in the fridge.",
                "Sixty percent water is on the dry side, and dough that goes straight into the fridge "
                "rises little. Use 350 g of water, and leave the dough at room temperature for two hours "
                "first.",
                "Hydration 60 %, no bulk rise at room temperature. The second matters more.",
            ),
            Turn(
                "Better, but now it sticks.",
                "Wet your hands, and fold it every half hour instead of kneading.",
            ),
        ),
        ("recipes",),
    ),
    Subject(
        "Plan the vegetable beds",
        "Garden",
        (
            Turn(
                "This is my sketch: three beds, the path in the middle, a shed in the corner. What goes "
                "where?",
                "- **Left bed** (morning sun): salad, spinach, peas.\n- **Right bed** (sun all day): "
                "tomatoes, beans, courgettes.\n- **Along the shed**: rhubarb, which does not mind the "
                "shade.\n\n"
                "Next year move everything by one bed; only the rhubarb stays.",
                "The shed shades the corner in the afternoon.",
                picture="beds",
            ),
            Turn(
                "When do I sow?",
                "| | indoors | outside |\n|---|---|---|\n| peas | | March |\n| tomatoes | March | mid-May |\n"
                "| beans | | mid-May |\n| spinach | | March, August |",
            ),
        ),
        ("spring",),
    ),
    Subject(
        "Is this quote for the roof fair?",
        "House",
        (
            Turn(
                "8,400 for 60 m², insulation included, scaffolding extra. Is that a lot?",
                "It is in the middle. Ask two things before you sign: what the scaffolding costs (often "
                "1,200 to 1,800), and whether the insulation meets the value that the grant asks for. "
                "Without "
                "the certificate you lose the grant.",
            ),
            Turn(
                "Write the e-mail, short and friendly.",
                "> Good morning,\n>\n> thank you for the quote. Two questions before we decide: what will "
                "the "
                "scaffolding cost, and which U-value does the insulation reach? We need the certificate "
                "for the "
                "grant.\n>\n> Kind regards",
            ),
        ),
        ("money",),
    ),
    Subject(
        "Italian for the summer",
        "Travel / 旅行",
        (
            Turn(
                "Next word, please.",
                "What is **{{english}}** in Italian?",
            ),
            Turn("“{{italian}}”", "Correct! For example: *{{example}}*"),
        ),
        ("languages",),
        rounds=tuple(
            {"english": english, "italian": italian, "example": example}
            for english, italian, example in _ITALIAN
        ),
    ),
    Subject(
        "Which trains run on Sunday?",
        "Travel / 旅行",
        (),
        (),
        {"pending_user_message": "Which trains run to the coast on Sunday, with a bicycle?"},
    ),
    Subject(
        "Dinner for eight, two of them vegan",
        "Kitchen",
        (
            Turn(
                "Saturday, eight people, two vegan, one does not eat nuts. I want to cook in the morning.",
                "**Before**: white beans with lemon and sage, bread.\n\n**Main**: aubergine and tomato, "
                "two hours "
                "in the oven, with couscous. A bowl of yoghurt stands beside it for those who like it.\n\n"
                "**After**: pears in red wine.\n\nEverything is better for having waited a few hours.",
                "One menu that everybody eats is less work than two.",
            ),
            Turn(
                "The shopping list?",
                "- 4 aubergines, 2 kg tomatoes\n- 500 g dried white beans (soak them on Friday)\n- 600 g "
                "couscous\n"
                "- 8 pears, a bottle of red wine\n- sage, 3 lemons, bread, yoghurt",
            ),
        ),
        ("recipes", "family"),
    ),
    Subject(
        "The heating makes a noise",
        "House",
        (
            Turn(
                "It knocks in the morning, for ten minutes, then it is quiet.",
                "Pipes that expand: the water is hot before the pipe is. Lower the flow temperature by five "
                "degrees, and let it start twenty minutes earlier. If it still knocks, look where the pipe "
                "goes "
                "through the wall; a sleeve of felt is enough.",
            ),
        ),
    ),
    Subject(
        "Colours for the hallway",
        "House",
        (
            Turn(
                "Four colours that go with an oak floor, please, as a picture.",
                "From left to right: lime white, sage, clay and slate. The hallway gets little light, so I "
                "would "
                "paint three walls in the first and the end wall in clay.",
                drawn="colours",
            ),
        ),
        ("ideas",),
    ),
    Subject(
        "Packing list for three days in the mountains",
        "Travel / 旅行",
        (
            Turn(
                "Huts with bunks, 900 m of climb a day, mid-September. This is the view from the first hut.",
                "Under seven kilos without water:\n\n- shell jacket, fleece, hat and gloves\n"
                "- two shirts, one of them for the hut\n- sleeping-bag liner, ear plugs\n"
                "- head torch, map, battery\n- blister plasters, sun cream\n\n"
                "The first snow is possible above 2,400 m. Ask at the hut before the third day.",
                picture="view",
            ),
        ),
        ("outdoors",),
    ),
    Subject(
        "A letter to the landlord about the lift",
        "House",
        (
            Turn(
                "The lift has been out of order for three weeks. Polite, but clear.",
                "> Since 4 May the lift has not worked. My neighbour on the fifth floor uses a walking "
                "frame and has not left the house since. Please tell us by Friday on which day it will be "
                "repaired.\n\nIt names a date, a person and a day: that is clear enough.",
            ),
        ),
        ("letters",),
        {"archived": True},
    ),
    Subject(
        "What to read after the trilogy",
        None,
        (
            Turn(
                "I liked the slow parts best, the walking and the weather. What next?",
                "Look for books in which a landscape is a character. Shall I choose by length? A short one "
                "first would tell us more about your taste than a long one.",
            ),
            Turn(
                "Short, please.", "Then a novella of 120 pages, set on an island in one winter. One evening."
            ),
        ),
    ),
    Subject(
        "Jam from {{number}} pounds of plums",
        "Kitchen",
        (
            Turn(
                "The tree is full. How much sugar, and how long does it keep?",
                "One part of sugar for two of fruit, and lemon juice. It keeps for a year if the jars are "
                "hot "
                "when you fill them, and a month in the fridge once open.",
                "",
                (
                    Tool(
                        "web_search",
                        {"query": "plum jam sugar ratio shelf life"},
                        '{"success": false, "error": "the search service did not answer in 10 s"}',
                    ),
                ),
            ),
        ),
        ("recipes",),
    ),
    Subject(
        "Learn to draw hands",
        None,
        (
            Turn(
                "My hands look like gloves. What should I practise?",
                "Fifteen minutes a day for two weeks:\n\n1. The palm as a box, from every side.\n2. "
                "Fingers as "
                "three short tubes; the middle one is the longest.\n3. Your own hand, without lifting the "
                "pen.\n\n"
                "Keep every sheet. The first and the last beside each other are the best teacher.",
            ),
        ),
        ("ideas",),
    ),
    Subject(
        "Move the washing machine upstairs?",
        "House",
        (
            Turn(
                "Is the floor strong enough for a washing machine? Wooden beams from 1932.",
                "The weight is no problem: 80 kg is one person. The shaking is. Put it over a wall, not in "
                "the "
                "middle of the room, on a rubber mat, and choose a machine with at most 1,200 turns.",
            ),
        ),
        (),
        {"archived": True},
    ),
    Subject(
        "Water the balcony while we are away",
        "Garden",
        (
            Turn(
                "Ten days in August, 14 pots, no neighbour. What works without a pump?",
                "A bucket above the pots and one wick of cotton rope for each. Try it for a weekend first: "
                "the big "
                "tomato drinks two litres a day, and needs two wicks.",
            ),
        ),
        ("summer",),
    ),
    Subject(
        "Birthday treasure hunt for six-year-olds",
        None,
        (
            Turn(
                "Seven children, one garden, half an hour. They cannot read much yet.",
                "Use pictures: a photo of the place where the next picture hides. Six stations, the last "
                "one is the "
                "tree house. Let every child open one, so that nobody runs ahead of the others.",
            ),
            Turn("And if it rains?", "The same in the house; the bathtub is a very good last station."),
        ),
        ("family", "ideas"),
    ),
    Subject(
        "Sharpen a kitchen knife",
        "Kitchen",
        (
            Turn(
                "I have a stone with two sides, 1000 and 6000. How long, which angle?",
                "15 to 20 degrees: two coins under the back of the blade. Ten strokes a side on the coarse "
                "one "
                "until you feel a burr all along, then five on the fine one, almost without pressure.",
            ),
        ),
    ),
    Subject(
        "Electricity bill explained",
        "House",
        (
            Turn(
                "We used less than last year and still pay more. Why?",
                "| | last year | this year |\n|---|---:|---:|\n| used | 3,120 kWh | 2,890 kWh |\n"
                "| price for 1 kWh | 0.29 | 0.34 |\n| base price | 131 | 149 |\n| **sum** | **1,036** | "
                "**1,132** |"
                "\n\nThe price rose by 17 %, your use fell by 7 %. You can give notice until the end of "
                "the month.",
            ),
        ),
        ("money",),
    ),
    Subject(
        "Night train or flight?",
        "Travel / 旅行",
        (
            Turn(
                "To the coast and back, two people, in October.",
                "| | price | door to door | sleep |\n|---|---:|---:|---|\n| night train | 268 | 13 h | "
                "most of it |\n"
                "| flight | 231 | 7 h | none |\n\nThe train saves a night in a hotel, and is then the "
                "cheaper one.",
            ),
        ),
        ("decision",),
    ),
)

"""Rate decks outside the call: operators' files read into the canonical deck, reviewed, shown and put in force."""

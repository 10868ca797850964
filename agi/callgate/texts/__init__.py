"""Every sentence written for a person: `en.json` and `fr.json`, keyed ``place.meaning``, read through `catalog`."""

"""`callgate audit`: reads an Asterisk's configuration and finds every way out that the gate does not see."""

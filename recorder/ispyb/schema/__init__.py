"""Tables, values, rights and connections of ISPyB."""

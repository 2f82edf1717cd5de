"""Control events over MQTT."""

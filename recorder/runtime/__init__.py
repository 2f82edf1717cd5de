"""What every process needs: log, boundary, memory, retry, systemd, TLS, MQTT client."""

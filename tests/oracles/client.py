"""Asks with the client that is published for py-ISPyB's API.

Runs in the oracle's own environment. ``CLIENT_HOST`` is where the API is,
``CLIENT_TOKEN`` a token for it; standard input has a list of calls, each with the
path of the document, parameters of path and query. Prints for each what the client
made of it: ``ok``, or what it said.
"""

import json
import os
import sys

from ispyb_client import ApiClient, Configuration
from ispyb_client.apis.path_to_api import path_to_api


def main():
    configuration = Configuration(host=os.environ["CLIENT_HOST"])
    configuration.access_token = os.environ["CLIENT_TOKEN"]
    with ApiClient(configuration) as client:
        print(json.dumps([ask(client, call) for call in json.load(sys.stdin)]))


def ask(client, call):
    api = path_to_api[call["path"]](client)
    given = {name: call[name] for name in ("path_params", "query_params") if call[name]}
    try:
        answer = api.get(**given)
    except Exception as error:  # whatever a generated client raises
        return f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return "ok" if answer.response.status == 200 else str(answer.response.status)


main()

# Copyright The luigi-operator authors
# SPDX-License-Identifier: Apache-2.0
"""A mutating admission webhook that changes Jobs and pods as platforms do; the path of the URL says how."""

import base64
import json
import ssl
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

RUNS_ON = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1 & wait $!; done"]


def container(name: str, command: list[str], **fields: str) -> dict:
    return {
        "name": name,
        "image": "luigi-operator/luigi:0.1.0",
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
        "resources": {"requests": {"cpu": "5m", "memory": "8Mi"}},
        **fields,
    }


def patch(path: str, obj: dict) -> list[dict]:
    if path == "/sidecar":
        return [{"op": "add", "path": "/spec/containers/-", "value": container("proxy", RUNS_ON)}]
    if path == "/many":
        inits = [container(f"init-{i}", ["true"]) for i in range(6)]
        sidecars = [container(f"sidecar-{i}", RUNS_ON, restartPolicy="Always") for i in range(4)]
        return [{"op": "add", "path": "/spec/initContainers", "value": sidecars + inits}]
    if path == "/suspend":
        return [{"op": "add", "path": "/spec/suspend", "value": True}]
    if path == "/restart":
        return [{"op": "replace", "path": "/spec/restartPolicy", "value": "OnFailure"}]
    if path == "/relabel":
        label = "/metadata/labels/app.kubernetes.io~1managed-by"
        return [{"op": "add", "path": label, "value": "platform"}]
    raise ValueError(path)


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["request"]
        changes = json.dumps(patch(self.path.split("?")[0], request["object"])).encode()
        response = {
            "uid": request["uid"],
            "allowed": True,
            "patchType": "JSONPatch",
            "patch": base64.b64encode(changes).decode(),
        }
        body = json.dumps(
            {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response}
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/webhook/cert.pem", "/webhook/key.pem")
server = ThreadingHTTPServer(("127.0.0.1", 9443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()

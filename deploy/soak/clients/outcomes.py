"""A pytest plugin that writes the outcome of each test into the file of SHIELDWATCH_OUTCOMES, one JSON object a line."""
import json
import os


def pytest_runtest_logreport(report):
    # A test that is skipped or broken while it is set up has no call.
    if report.when != "call" and report.outcome == "passed":
        return
    message = "" if report.outcome != "failed" else str(report.longrepr)[-2000:]
    with open(os.environ["SHIELDWATCH_OUTCOMES"], "a", encoding="utf-8") as file:
        file.write(json.dumps({"name": report.nodeid, "result": report.outcome, "message": message}) + "\n")


def pytest_collectreport(report):
    if report.failed:
        with open(os.environ["SHIELDWATCH_OUTCOMES"], "a", encoding="utf-8") as file:
            file.write(json.dumps({"name": report.nodeid, "result": "failed", "message": str(report.longrepr)[-2000:]}) + "\n")

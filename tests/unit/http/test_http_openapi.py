"""Proves how bodies are described: JSON by its model, files by their media type."""

from __future__ import annotations

from typing import Any

from gateway.http.app import ROUTES, description
from gateway.http.openapi import problems_of
from gateway.http.reference import reference_page


def body_of(path: str) -> dict[str, Any]:
    body: dict[str, Any] = description()["paths"][path]["post"]["requestBody"]
    return body


def test_a_route_that_takes_files_beside_json_says_all_of_them() -> None:
    body = body_of("/api/v1/batches")
    assert body["required"] is True
    assert list(body["content"]) == [
        "application/json",
        "text/csv",
        "application/x-ndjson",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ]
    assert body["content"]["text/csv"]["schema"] == {"type": "string"}


def test_a_route_that_takes_only_files_has_no_json_body() -> None:
    content = body_of("/api/v1/contacts/import")["content"]
    assert "application/json" not in content
    # OpenAPI 3.1 says of octets nothing but their media type.
    assert content["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"] == {}


def test_a_route_that_takes_files_can_refuse_their_type_and_size() -> None:
    taking = [route for route in ROUTES if route.streams]
    assert taking
    for route in taking:
        assert {"unsupported_media_type", "body_too_large"} <= set(problems_of(route))


def test_the_page_for_people_names_files_by_their_media_type() -> None:
    page = reference_page(description())
    assert "<code>CreateBatch</code>, <code>text/<wbr>csv</code>" in page


def test_an_answer_that_may_be_a_file_says_so() -> None:
    given = [
        operation["responses"]["200"]["content"]
        for item in description()["paths"].values()
        for operation in item.values()
        if any(parameter["name"] == "format" for parameter in operation["parameters"])
    ]
    assert given
    assert all(set(content) == {"application/json", "text/csv"} for content in given)


def test_a_route_that_may_do_less_than_it_says_describes_that_answer_too() -> None:
    paths = description()["paths"]
    assert list(paths["/api/v1/batches"]["post"]["responses"])[:2] == ["200", "202"]
    assert list(paths["/api/v1/suppressions"]["post"]["responses"])[:2] == ["200", "201"]

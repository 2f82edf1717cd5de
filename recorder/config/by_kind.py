"""Settings of plug-ins: which class checks them is known from their ``kind``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from recorder.config.section import (
    AuthenticatorSection,
    PortalSection,
    Section,
    SinkSection,
    SourceSection,
)
from recorder.errors import ConfigError
from recorder.plugins.groups import (
    AUTHENTICATORS,
    ENGINES,
    FLAVOURS,
    PORTALS,
    SINKS,
    SOURCES,
)
from recorder.plugins.registry import Registry


@dataclass(frozen=True)
class ByKind:
    """Has a table checked by the settings class of the plug-in that it names.

    The JSON schema is a union over the installed kinds.

    Args:
        registry: The group of plug-ins.
        base: What all settings of the group are derived from.
    """

    registry: Registry
    base: type[Section]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Tables are checked here; what is a section already is taken as it is."""
        return core_schema.no_info_before_validator_function(
            self._checked,
            core_schema.is_instance_schema(self.base),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _dumped, info_arg=True
            ),
        )

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """One of the installed kinds; which one is always said."""
        found = [
            handler(plugin.value.settings.__pydantic_core_schema__)
            for plugin in self.registry.usable()
        ]
        return {
            "oneOf": [
                {**schema, "required": sorted({*schema.get("required", ()), "kind"})}
                for schema in found
            ]
        }

    def _checked(self, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        kind = data.get("kind")
        if not isinstance(kind, str):
            known = ", ".join(plugin.name for plugin in self.registry.usable())
            raise ValueError(f"kind is needed: one of {known or 'none installed'}")
        return _plugin(self.registry, kind).settings.model_validate(data)


def _dumped(section: Section, info: core_schema.SerializationInfo) -> Any:
    return section.model_dump(mode=info.mode)


def _plugin(registry: Registry, name: str) -> Any:
    """The plug-in of a name, as a validator asks for it.

    Raises:
        ValueError: It cannot be used.
    """
    try:
        return registry.get(name)
    except ConfigError as error:
        raise ValueError(str(error)) from error


def _named(registry: Registry) -> AfterValidator:
    """Lets the name of a plug-in pass that can be used.

    One of ours is not loaded for it: whoever only reads a journal needs none.
    """

    def check(name: str) -> str:
        if not registry.built_in(name):
            _plugin(registry, name)
        return name

    return AfterValidator(check)


AnySource = Annotated[SourceSection, ByKind(SOURCES, SourceSection)]
AnySink = Annotated[SinkSection, ByKind(SINKS, SinkSection)]
AnyAuthenticator = Annotated[
    AuthenticatorSection, ByKind(AUTHENTICATORS, AuthenticatorSection)
]
AnyPortal = Annotated[PortalSection, ByKind(PORTALS, PortalSection)]
FlavourName = Annotated[str, _named(FLAVOURS)]
EngineName = Annotated[str, _named(ENGINES)]

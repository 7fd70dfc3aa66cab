"""CloudFormation templates: reading them, resolving their functions, ordering their resources. Strict and pure.

Whatever is unknown here (a function, an attribute, a parameter type) is an error that names the place.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

Template = dict[str, Any]


class TemplateError(Exception):
    """The template cannot be used as it stands."""


class _NoValue:
    """What `AWS::NoValue` resolves to: the property is left out."""


NO_VALUE: Final = _NoValue()
PSEUDO: Final = re.compile(r"^AWS::")
PLACEHOLDER: Final = re.compile(r"\$\{(!?)([^}]+)\}")
DYNAMIC: Final = re.compile(r"\{\{resolve:([^:}]+):([^}]+)\}\}")
PLAIN_TYPES: Final = re.compile(r"^(String|Number|CommaDelimitedList|List<.+>|AWS::EC2::.+::Id|AWS::EC2::.+::Name)$")
SSM_TYPE: Final = re.compile(r"^AWS::SSM::Parameter::Value<(.+)>$")


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short functions; dates stay text (policy versions look like dates)."""


_Loader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _short_function(loader: yaml.Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)  # type: ignore[arg-type]
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _short_function)


def read(body: str) -> Template:
    """A template from JSON or YAML text."""
    try:
        template = json.loads(body) if body.lstrip().startswith("{") else yaml.load(body, Loader=_Loader)
    except (ValueError, yaml.YAMLError) as error:
        raise TemplateError(f"Template format error: neither JSON nor YAML: {error}") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise TemplateError("Template format error: At least one Resources member must be defined.")
    if "Transform" in template:
        raise TemplateError("the twin runs no CloudFormation macros: remove Transform from the template")
    return template


@dataclass
class Scope:
    """What a template's functions can see while a stack is made."""

    template: Template
    pseudo: Mapping[str, Any]
    parameters: Mapping[str, Any]
    export: Callable[[str], Any] = lambda name: _missing(f"No export named {name} found")
    parameter_store: Callable[[str], str] = lambda name: _missing(f"SSM parameter {name} not found")
    stack_output: Callable[[str, str], Any] = lambda stack, output: _missing(f"Stack {stack} has no output {output}")
    refs: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def resolve(self, node: Any) -> Any:
        """The node with every function replaced by its value."""
        if isinstance(node, dict):
            if len(node) == 1:
                ((name, argument),) = node.items()
                if name == "Ref" or name == "Condition" or name.startswith("Fn::"):
                    return self._function(name, argument)
            pairs = ((key, self.resolve(value)) for key, value in node.items())
            return {key: value for key, value in pairs if value is not NO_VALUE}
        if isinstance(node, list):
            return [value for value in map(self.resolve, node) if value is not NO_VALUE]
        if isinstance(node, str) and "{{resolve:" in node:
            return DYNAMIC.sub(self._dynamic, node)
        return node

    def is_true(self, condition: str) -> bool:
        """The value of a condition by name."""
        conditions = self.template.get("Conditions", {})
        if condition not in conditions:
            raise TemplateError(f"Template error: there is no condition {condition}")
        return bool(self.resolve(conditions[condition]))

    def is_active(self, logical_id: str) -> bool:
        """Whether a resource's condition holds (or it has none)."""
        condition = self.template["Resources"][logical_id].get("Condition")
        return condition is None or self.is_true(condition)

    def _function(self, name: str, argument: Any) -> Any:
        function = _FUNCTIONS.get(name)
        if function is None:
            raise TemplateError(f"Template error: the twin does not know the function {name}")
        return function(self, argument)

    def _dynamic(self, match: re.Match[str]) -> str:
        service, rest = match.groups()
        if service != "ssm":
            raise TemplateError(f"the twin resolves dynamic references to ssm only, not to {service}")
        return self.parameter_store(rest.split(":")[0])

    def ref(self, name: str) -> Any:
        if PSEUDO.match(name):
            if name == "AWS::NoValue":
                return NO_VALUE
            if name not in self.pseudo:
                raise TemplateError(f"Template error: the twin does not know the pseudo parameter {name}")
            return self.pseudo[name]
        for values in (self.parameters, self.refs):
            if name in values:
                return values[name]
        raise TemplateError(f"Template format error: Unresolved resource dependencies [{name}]")

    def attribute(self, logical_id: str, name: str) -> Any:
        if logical_id not in self.attributes:
            raise TemplateError(f"Template error: instance of Fn::GetAtt references undefined resource {logical_id}")
        values = self.attributes[logical_id]
        if name not in values:
            known = ", ".join(sorted(values)) or "none"
            kind = self.template["Resources"].get(logical_id, {}).get("Type", "?")
            raise TemplateError(f"Template error: {logical_id} ({kind}) has no attribute {name}; it has: {known}")
        return values[name]

    def substitute(self, argument: Any) -> str:
        text, extra = (argument, {}) if isinstance(argument, str) else (argument[0], argument[1])

        def value(match: re.Match[str]) -> str:
            literal, name = match.groups()
            if literal:
                return "${" + name + "}"
            if name in extra:
                return str(self.resolve(extra[name]))
            if "." in name and not PSEUDO.match(name):
                return str(self.attribute(*name.split(".", 1)))
            return str(self.ref(name))

        return PLACEHOLDER.sub(value, text)


def _missing(message: str) -> Any:
    raise TemplateError(message)


def _get_attribute(scope: Scope, argument: Any) -> Any:
    logical_id, name = argument.split(".", 1) if isinstance(argument, str) else argument
    return scope.attribute(logical_id, scope.resolve(name))


def _find_in_map(scope: Scope, argument: Any) -> Any:
    value: Any = scope.template.get("Mappings", {})
    for key in map(scope.resolve, argument[:3]):
        if key not in value:
            raise TemplateError(f"Template error: Unable to get mapping for {argument[:3]}")
        value = value[key]
    return value


def _select(scope: Scope, argument: Any) -> Any:
    values = scope.resolve(argument[1])
    index = int(scope.resolve(argument[0]))
    if not 0 <= index < len(values):
        raise TemplateError(f"Template error: Fn::Select cannot select nonexistent value at index {index}")
    return values[index]


def _equals(scope: Scope, argument: Any) -> bool:
    left, right = scope.resolve(argument)
    return str(left) == str(right)


def _stack_output(scope: Scope, argument: Any) -> Any:
    given = scope.resolve(argument)
    if given.keys() - {"StackName", "OutputName", "Region"} or given.get(
        "Region", scope.ref("AWS::Region")
    ) != scope.ref("AWS::Region"):
        raise TemplateError("the twin reads outputs of stacks of its own account and region only: Fn::GetStackOutput")
    return scope.stack_output(given["StackName"], given["OutputName"])


def _base64(scope: Scope, argument: Any) -> str:
    return base64.b64encode(str(scope.resolve(argument)).encode()).decode()


_FUNCTIONS: Final[dict[str, Callable[[Scope, Any], Any]]] = {
    "Ref": lambda scope, name: scope.ref(name),
    "Condition": lambda scope, name: scope.is_true(name),
    "Fn::GetAtt": _get_attribute,
    "Fn::Join": lambda scope, argument: str(argument[0]).join(map(str, scope.resolve(argument[1]))),
    "Fn::Sub": lambda scope, argument: scope.substitute(argument),
    "Fn::Select": _select,
    "Fn::Split": lambda scope, argument: str(scope.resolve(argument[1])).split(argument[0]),
    "Fn::If": lambda scope, argument: scope.resolve(argument[1] if scope.is_true(argument[0]) else argument[2]),
    "Fn::FindInMap": _find_in_map,
    "Fn::ImportValue": lambda scope, argument: scope.export(scope.resolve(argument)),
    "Fn::GetStackOutput": _stack_output,
    "Fn::GetAZs": lambda scope, argument: [
        f"{scope.resolve(argument) or scope.ref('AWS::Region')}{az}" for az in "abc"
    ],
    "Fn::Base64": _base64,
    "Fn::Equals": _equals,
    "Fn::Not": lambda scope, argument: not scope.resolve(argument[0]),
    "Fn::And": lambda scope, argument: all(map(scope.resolve, argument)),
    "Fn::Or": lambda scope, argument: any(map(scope.resolve, argument)),
    "Fn::Contains": lambda scope, argument: scope.resolve(argument[1]) in scope.resolve(argument[0]),
    "Fn::ToJsonString": lambda scope, argument: json.dumps(scope.resolve(argument), separators=(",", ":")),
}


def parameters(template: Template, given: Mapping[str, str], parameter_store: Callable[[str], str]) -> dict[str, Any]:
    """The values of a template's parameters: given or default, SSM names replaced by what they hold.

    Raises: TemplateError naming a parameter without a value, or one that the template does not declare.
    """
    declared = template.get("Parameters", {})
    surplus = sorted(set(given) - set(declared))
    if surplus:
        raise TemplateError(f"Parameters: [{', '.join(surplus)}] do not exist in the template")
    values: dict[str, Any] = {}
    for name, declaration in declared.items():
        if name not in given and "Default" not in declaration:
            raise TemplateError(f"Parameters: [{name}] must have values")
        text = str(given.get(name, declaration.get("Default")))
        allowed = declaration.get("AllowedValues")
        if allowed and text not in map(str, allowed):
            raise TemplateError(f"Parameter '{name}' must be one of AllowedValues")
        kind = declaration.get("Type", "String")
        stored = SSM_TYPE.match(kind)
        if stored:
            text, kind = parameter_store(text), stored.group(1)
        if not PLAIN_TYPES.match(kind):
            raise TemplateError(f"the twin does not know the parameter type {kind} of {name}")
        is_list = kind == "CommaDelimitedList" or kind.startswith("List<")
        values[name] = [part.strip() for part in text.split(",")] if is_list else text
    return values


def check_rules(scope: Scope) -> None:
    """Evaluate the template's Rules. Raises: TemplateError with the description of the assertion that fails."""
    for name, rule in scope.template.get("Rules", {}).items():
        if "RuleCondition" in rule and not scope.resolve(rule["RuleCondition"]):
            continue
        for assertion in rule.get("Assertions", []):
            if not scope.resolve(assertion["Assert"]):
                raise TemplateError(f"{name}: {assertion.get('AssertDescription', 'an assertion failed')}")


def references(node: Any) -> Iterator[str]:
    """Every name that a node refers to (resources, parameters, pseudo parameters)."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "Ref" and isinstance(value, str):
                yield value
            elif name == "Fn::GetAtt":
                yield value.split(".")[0] if isinstance(value, str) else value[0]
                yield from references(value)
            elif name == "Fn::Sub":
                text, extra = (value, {}) if isinstance(value, str) else (value[0], value[1])
                yield from (
                    n.split(".")[0] for literal, n in PLACEHOLDER.findall(text) if not literal and n not in extra
                )
                yield from references(extra)
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def depends_on(resource: Mapping[str, Any]) -> list[str]:
    """The explicit dependencies of a resource."""
    explicit = resource.get("DependsOn", [])
    return [explicit] if isinstance(explicit, str) else list(explicit)


def order(scope: Scope) -> list[str]:
    """The active resources, each after what it needs, otherwise as written. Raises: TemplateError on a circle."""
    resources = {name: body for name, body in scope.template["Resources"].items() if scope.is_active(name)}
    needs = {
        name: {*references(body.get("Properties", {})), *depends_on(body)} & resources.keys()
        for name, body in resources.items()
    }
    done: list[str] = []
    placed: set[str] = set()
    while len(done) < len(resources):
        ready = [name for name in resources if name not in placed and needs[name] <= placed]
        if not ready:
            circle = ", ".join(sorted(set(resources) - placed))
            raise TemplateError(f"Circular dependency between resources: [{circle}]")
        done.extend(ready)
        placed.update(ready)
    return done

"""The question of a result folder rebuilt from its inputs, and whether two folders ask the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from geodata.ground import Ground
from optimizer.accounts import all_coefficients
from optimizer.objectives import Coefficients
from optimizer.problem import Problem
from service.lookup import config_parts, config_text
from service.manifest import InputFile
from service.seam import Brief, as_problem, ground_of, read_brief
from service.study import Study


@dataclass(frozen=True)
class Case:
    """A study with everything that follows from it alone: nothing in here was read from a plan."""

    fingerprint: str
    brief: Brief
    ground: Ground
    problem: Problem
    coefficients: Coefficients


def fingerprint_of(study: Study, inputs: Sequence[InputFile]) -> str:
    """A hash of all that a case is made of: study, network, rules, content of the inputs; DataError for unknown names.

    `inputs` are those of the study with the hashes they have now. Where the study file lies does not count.
    """
    texts = [config_text(study, kind, name) for kind, name in config_parts(study)]
    parts = [study.model_dump_json(), *(f"{i.role} {i.sha256}" for i in inputs), *texts]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def prepare(study: Study, inputs: Sequence[InputFile]) -> Case:
    """The case of a study; DataError where study, network, rules or inputs are faulty. No solver is needed."""
    fingerprint = fingerprint_of(study, inputs)
    brief = read_brief(study)
    ground = ground_of(brief)
    problem = as_problem(brief, ground)
    return Case(fingerprint, brief, ground, problem, all_coefficients(problem))

"""Prints template.yaml as JSON, translated by SAM's own translator: what CloudFormation makes of it.

.cache/sam/bin/python sam/translate.py [PARAMETER=VALUE]...
"""

import json
import sys

from samcli.lib.translate.sam_template_validator import SamTemplateValidator
from samcli.yamlhelper import yaml_parse

with open("template.yaml") as f:
    template = yaml_parse(f.read())
values = dict(argument.split("=", 1) for argument in sys.argv[1:])
# The loader of managed policies is None: the template names none, so nothing asks AWS.
translated = SamTemplateValidator(template, None, region="us-east-1", parameter_overrides=values).get_translated_template_if_valid()
json.dump(yaml_parse(translated), sys.stdout, indent=2)

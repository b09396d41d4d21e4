"""What specs point at: Secrets, ConfigMaps and keys in them, all in the object's own namespace."""

from __future__ import annotations

from pydantic import Field

from paceline.api.base import Model

KEY_PATTERN = r"^\.?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$"
OBJECT_PATTERN = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"


class SecretName(Model):
    """A Secret in the same namespace."""

    name: str = Field(min_length=1, max_length=253, pattern=OBJECT_PATTERN, description="name of the Secret.")


class SecretKey(Model):
    """One key of a Secret in the same namespace."""

    name: str = Field(min_length=1, max_length=253, pattern=OBJECT_PATTERN, description="name of the Secret.")
    key: str = Field(min_length=1, max_length=253, pattern=KEY_PATTERN, description="key in the Secret's data.")


class ConfigMapKey(Model):
    """One key of a ConfigMap in the same namespace."""

    name: str = Field(min_length=1, max_length=253, pattern=OBJECT_PATTERN, description="name of the ConfigMap.")
    key: str = Field(min_length=1, max_length=253, pattern=KEY_PATTERN, description="key in the ConfigMap's data.")

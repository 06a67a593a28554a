"""Makes the OpenMM Force from its XML form; the format is described in native/openmm/serialization/README.md."""
from __future__ import annotations

from typing import Optional
from xml.etree import ElementTree

from . import library
from .errors import InvalidArgumentError
from .region import RegionArrays

#: Type of our force in OpenMM's XML.
FORCE_TYPE = "FragmentedPotentialForce"

#: Name of the Context parameter that scales the correction, unless another is chosen.
DEFAULT_LAMBDA_NAME = "FragmentedPotentialForce_lambda"


def forceXml(arrays: RegionArrays, regionSystem=None, **attributes) -> str:
    """XML of a force on a region.

    Parameters
    ----------
    arrays : RegionArrays
    regionSystem : openmm.System, optional
        The region alone on the host's force field, if that is not the library's own.
    attributes
        Attributes of the ``<Force>`` element: model, modelHash, scheme, lambdaName, ...; booleans as bool.
    """
    force = ElementTree.Element("Force", type=FORCE_TYPE, version="1")
    for name, value in attributes.items():
        force.set(name, str(int(value) if isinstance(value, bool) else value))
    residues = ElementTree.SubElement(force, "Residues")
    for name, number, chain in arrays.residues:
        ElementTree.SubElement(residues, "Residue", name=name, number=number, chain=chain)
    atoms = ElementTree.SubElement(force, "Atoms")
    region = set(arrays.region.tolist())
    rows = zip(arrays.particles, arrays.elements, arrays.names, arrays.atomResidues)
    for index, (particle, element, name, residue) in enumerate(rows):
        ElementTree.SubElement(atoms, "Atom", particle=str(particle), element=str(element), name=name,
                               residue=str(residue), region=str(int(index in region)))
    bonds = ElementTree.SubElement(force, "Bonds")
    for a, b in arrays.bonds:
        ElementTree.SubElement(bonds, "Bond", a=str(a), b=str(b))
    if regionSystem is not None:
        import openmm

        element = ElementTree.fromstring(openmm.XmlSerializer.serialize(regionSystem))
        element.tag = "RegionSystem"
        force.append(element)
    return ElementTree.tostring(force, encoding="unicode")


def createForce(arrays: RegionArrays, regionSystem=None, **attributes):
    """The ``openmm.Force`` of :func:`forceXml`.

    Raises
    ------
    MissingLibraryError
        The OpenMM plugin is absent or does not load.
    InvalidArgumentError
        The plugin refuses an attribute.
    """
    import openmm

    library.loadOpenMMPlugin()
    try:
        return openmm.XmlSerializer.deserialize(forceXml(arrays, regionSystem, **attributes))
    except openmm.OpenMMException as error:
        raise InvalidArgumentError(str(error)) from error


def forceElement(force) -> Optional[ElementTree.Element]:
    """XML of a Force if it is of our type, else None."""
    import openmm

    if type(force) is not openmm.Force:  # only plugins' forces have no Python class of their own
        return None
    element = ElementTree.fromstring(openmm.XmlSerializer.serialize(force))
    return element if element.get("type") == FORCE_TYPE else None


def ourForces(system) -> list[ElementTree.Element]:
    """XML of the forces of our type that a System has."""
    elements = (forceElement(force) for force in system.getForces())
    return [element for element in elements if element is not None]

using System.Security.Cryptography;
using PluginBridge.Core.IO;

namespace PluginBridge.Core.Tests;

/// <summary>The safetensors container, apart from what a model makes of it.</summary>
[TestFixture]
public class SafetensorsTests
{
    [Test]
    public void TensorsAndMetadataAreRead()
    {
        byte[] data = [0, 0, 128, 63, 0, 0, 0, 64, 0, 0, 64, 64]; // 1, 2, 3
        byte[] bytes = ViSNetTestModel.Assemble("""
            {"__metadata__":{"key":"value"},"b":{"dtype":"F32","shape":[1,2],"data_offsets":[0,8]},
             "a":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}
            """, data);
        var file = SafetensorsFile.Parse(bytes, "test");
        Assert.Multiple(() =>
        {
            Assert.That(file.Metadata["key"], Is.EqualTo("value"));
            Assert.That(file.Tensors["b"].Shape, Is.EqualTo(new[] { 1, 2 }));
            Assert.That(file.Tensors["b"].Values.ToArray(), Is.EqualTo(new[] { 1f, 2f }));
            Assert.That(file.Tensors["a"].Values.ToArray(), Is.EqualTo(new[] { 3f }));
            Assert.That(file.Hash, Is.EqualTo(Convert.ToHexStringLower(SHA256.HashData(bytes))));
        });
    }

    [TestCase("[1]", "not a JSON object")]
    [TestCase("{ nonsense", "not JSON")]
    [TestCase("""{"t":{"dtype":"F16","shape":[2],"data_offsets":[0,4]}}""", "tensor 't' is F16")]
    [TestCase("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}}""", "data_offsets of tensor 't'")]
    [TestCase("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[-4,4]}}""", "data_offsets of tensor 't'")]
    [TestCase("""{"t":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", "truncated: tensor 't'")]
    [TestCase("""{"t":{"dtype":"F32","shape":[99999,99999,99999],"data_offsets":[0,4]}}""", "tensor 't' is too large")]
    [TestCase("""{"t":{"dtype":"F32","shape":["x"],"data_offsets":[0,4]}}""", "shape of tensor 't'")]
    [TestCase("""{"t":{"dtype":"F32","data_offsets":[0,4]}}""", "tensor 't' lacks")]
    [TestCase("""{"__metadata__":{"a":1}}""", "'a' is not a string")]
    [TestCase("""{"__metadata__":[]}""", "'__metadata__'")]
    public void BadHeadersAreNamed(string header, string culprit)
    {
        byte[] bytes = ViSNetTestModel.Assemble(header, new byte[12]);
        var error = Assert.Throws<PluginBridgeException>(() => SafetensorsFile.Parse(bytes, "some.safetensors"));
        Assert.That(error!.Code, Is.EqualTo(ErrorCode.File));
        Assert.That(error.Message, Does.Contain("some.safetensors").And.Contain(culprit));
    }
}

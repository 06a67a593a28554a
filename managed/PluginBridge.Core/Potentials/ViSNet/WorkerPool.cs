using System.Runtime.ExceptionServices;

namespace PluginBridge.Core.Potentials.ViSNet;

/// <summary>A caller and some helper threads that share the items of a loop. Helpers spin for a moment between loops, then
/// sleep; running a loop allocates nothing.</summary>
internal sealed class WorkerPool : IDisposable
{
    private const int CountBits = 22;
    private const long CountMask = (1L << CountBits) - 1;
    private const int SpinsBeforeSleep = 200;

    private readonly Thread[] _helpers;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Lock _errorLock = new();
    private Action<int, int>? _body;
    private Exception? _error;
    private int _errorItem;
    private int _sleeping;
    private int _done;
    private volatile bool _stopped;

    // Loop number, number of items and next item in one word, so that taking an item is a single compare-and-swap that
    // fails once the loop is over.
    private long _state;

    /// <param name="workers">Threads including the caller.</param>
    public WorkerPool(int workers)
    {
        _helpers = new Thread[workers - 1];
        for (int h = 0; h < _helpers.Length; h++)
        {
            int worker = h + 1;
            _helpers[h] = new Thread(() => Help(worker)) { IsBackground = true, Name = "PluginBridge worker" };
            _helpers[h].Start();
        }
    }

    /// <summary>Threads including the caller.</summary>
    public int Workers => _helpers.Length + 1;

    /// <summary>Calls body(item, worker) for each item below count, on any worker; returns when all are done. The error of the
    /// first item that failed is thrown.</summary>
    public void Run(int count, Action<int, int> body)
    {
        if (_helpers.Length == 0 || count == 1)
        {
            for (int item = 0; item < count; item++)
                body(item, 0);
            return;
        }
        if (count == 0)
            return;
        _body = body;
        _error = null;
        Volatile.Write(ref _done, 0);
        long loop = (Volatile.Read(ref _state) >> (2 * CountBits)) + 1;
        Interlocked.Exchange(ref _state, (loop << (2 * CountBits)) | ((long)count << CountBits));
        int sleepers = Interlocked.Exchange(ref _sleeping, 0);
        if (sleepers > 0)
            _wake.Release(sleepers);

        while (TakeItem(out int item))
            Work(item, 0);
        SpinWait spin = default;
        while (Volatile.Read(ref _done) < count)
            spin.SpinOnce(-1);
        if (_error is not null)
            ExceptionDispatchInfo.Throw(_error);
    }

    public void Dispose()
    {
        _stopped = true;
        if (_helpers.Length > 0)
            _wake.Release(_helpers.Length);
        foreach (var helper in _helpers)
            helper.Join();
        _wake.Dispose();
    }

    private void Help(int worker)
    {
        SpinWait spin = default;
        while (!_stopped)
        {
            if (TakeItem(out int item))
            {
                Work(item, worker);
                spin.Reset();
            }
            else if (spin.Count < SpinsBeforeSleep)
                spin.SpinOnce(-1);
            else
            {
                Sleep();
                spin.Reset();
            }
        }
    }

    private void Sleep()
    {
        Interlocked.Increment(ref _sleeping);
        // A loop begun before the line above would not wake us; a wake-up for nothing does no harm.
        if (!HasItems(Volatile.Read(ref _state)) && !_stopped)
            _wake.Wait();
    }

    private static bool HasItems(long state) => (state & CountMask) < ((state >> CountBits) & CountMask);

    private bool TakeItem(out int item)
    {
        while (true)
        {
            long state = Volatile.Read(ref _state);
            item = (int)(state & CountMask);
            if (!HasItems(state))
                return false;
            if (Interlocked.CompareExchange(ref _state, state + 1, state) == state)
                return true;
        }
    }

    private void Work(int item, int worker)
    {
        try
        {
            _body!(item, worker);
        }
#pragma warning disable CA1031 // handed to the caller
        catch (Exception e)
#pragma warning restore CA1031
        {
            lock (_errorLock)
                if (_error is null || item < _errorItem)
                    (_error, _errorItem) = (e, item);
        }
        Interlocked.Increment(ref _done);
    }
}

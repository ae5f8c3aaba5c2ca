// SPDX-License-Identifier: MIT
// The C interface of presence_c.h for C#, and a client class over it. For Unity, or any other .NET host.
//
// Put libpresence_c.so, presence_c.dll or presence_c.bundle under Assets/Plugins, and allow unsafe code in the
// assembly. iOS, tvOS and WebGL link the library statically: compile presence_c.cpp with PRESENCE_C_STATIC.
//
// UsePresence.cs tests this file with Mono on Linux, linked both ways. It has not been run in Unity.
using System;
using System.Runtime.InteropServices;
using System.Text;

/// <summary>What a function returned. Below 0: it failed, and nothing has changed.</summary>
public enum PresenceResult
{
    /// <summary>Nothing new.</summary>
    Unchanged = 0,
    Applied = 1,
    /// <summary>A well-formed event that has no presence in it.</summary>
    Ignored = 2,
    /// <summary>A null pointer or a negative size. <see cref="PresenceClient"/> passes none.</summary>
    BadArgument = -1,
    /// <summary>Not JSON, or not an event. See <see cref="PresenceClient.LastError"/>.</summary>
    Unreadable = -2,
    /// <summary>Read and not accepted, such as an id that is too long, or too many users.</summary>
    Refused = -3,
    /// <summary>There is no such user.</summary>
    NotKnown = -4,
}

/// <summary>What differs from the state when changes were last polled.</summary>
[Flags]
public enum PresenceFields
{
    None = 0,
    /// <summary>The user became known, or is no longer known.</summary>
    Known = 1,
    Online = 2,
    Status = 4,
    LastActive = 8,
}

/// <summary>A user as others see them.</summary>
public struct PresenceUser
{
    public readonly string Id;
    public readonly bool Online;
    /// <summary>The status text, or "".</summary>
    public readonly string Status;
    /// <summary>Null if it is not known.</summary>
    public readonly DateTimeOffset? LastActive;

    internal unsafe PresenceUser(PresenceNative.User* user)
    {
        Id = Encoding.UTF8.GetString(user->Id, user->IdSize);
        Online = user->Online != 0;
        Status = Encoding.UTF8.GetString(user->Status, user->StatusSize);
        LastActive = null;
        if (user->LastActiveMs != PresenceNative.Never)
            LastActive = DateTimeOffset.FromUnixTimeMilliseconds(user->LastActiveMs);
    }
}

/// <summary>A user whose visible state differs from the state when changes were last polled.</summary>
public struct PresenceChange
{
    public readonly PresenceUser User;
    public readonly PresenceFields Changed;
    /// <summary>False: the user is no longer known, and only <c>User.Id</c> is set.</summary>
    public readonly bool Known;

    internal unsafe PresenceChange(PresenceNative.Change* change)
    {
        User = new PresenceUser(&change->User);
        Changed = (PresenceFields)change->What;
        Known = change->Known != 0;
    }
}

/// <summary>Mirrors the presence that a server sends: feed its payloads, and poll the changes once a frame.</summary>
/// <remarks>
/// For one thread at a time, for example from Update. Two clients share nothing. No native code calls back into C#,
/// so no delegate has to be kept alive. A client that is not disposed is freed by the garbage collector. Every member
/// throws ObjectDisposedException after Dispose.
/// </remarks>
public sealed unsafe class PresenceClient : IDisposable
{
    sealed class Handle : SafeHandle
    {
        public Handle(IntPtr client) : base(IntPtr.Zero, true) { SetHandle(client); }
        public override bool IsInvalid => handle == IntPtr.Zero;
        protected override bool ReleaseHandle()
        {
            PresenceNative.presence_client_destroy(handle);
            return true;
        }
    }

    // Throws on text that is not Unicode, such as half of a surrogate pair, where Encoding.UTF8 would replace it.
    static readonly Encoding Utf8 = new UTF8Encoding(false, true);

    readonly Handle client;
    // Changes that were fetched, and the next one to report. Below 85,000 bytes, so not on the large object heap.
    readonly PresenceNative.Change[] changes = new PresenceNative.Change[64];
    int next, fetched;

    /// <exception cref="ArgumentOutOfRangeException">maxUsers is negative.</exception>
    public PresenceClient(int maxUsers)
    {
        if (maxUsers < 0) throw new ArgumentOutOfRangeException(nameof(maxUsers), maxUsers, "must not be negative");
        client = new Handle(PresenceNative.presence_client_create(maxUsers));
    }

    /// <summary>Applies an event of the server: a message of the web socket, as UTF-8.</summary>
    public PresenceResult Feed(byte[] json)
    {
        if (json == null) throw new ArgumentNullException(nameof(json));
        return Feed(json, 0, json.Length);
    }

    /// <summary>The same for a part of a buffer, such as one that a web socket reuses.</summary>
    public PresenceResult Feed(byte[] buffer, int offset, int count)
    {
        if (buffer == null) throw new ArgumentNullException(nameof(buffer));
        if (offset < 0 || offset > buffer.Length) throw new ArgumentOutOfRangeException(nameof(offset));
        if (count < 0 || count > buffer.Length - offset) throw new ArgumentOutOfRangeException(nameof(count));
        fixed (byte* start = buffer)
            return (PresenceResult)PresenceNative.presence_client_feed(client, start + offset, count);
    }

    /// <exception cref="ArgumentException">The string is not Unicode, such as half of a surrogate pair.</exception>
    public PresenceResult Feed(string json) => Feed(Utf8.GetBytes(json));

    /// <summary>Applies a user object of the server's answer to a query, as of that time.</summary>
    public PresenceResult FeedUser(byte[] json, long atMs)
    {
        if (json == null) throw new ArgumentNullException(nameof(json));
        fixed (byte* start = json)
            return (PresenceResult)PresenceNative.presence_client_feed_user(client, start, json.Length, atMs);
    }

    /// <exception cref="ArgumentException">The string is not Unicode, such as half of a surrogate pair.</exception>
    public PresenceResult FeedUser(string json, long atMs) => FeedUser(Utf8.GetBytes(json), atMs);

    /// <summary>Why the last Feed or FeedUser failed, in English; null if it did not fail.</summary>
    public string LastError
    {
        get
        {
            PresenceNative.presence_client_last_error(client, out PresenceNative.Error error);
            if (error.Code == 0) return null;
            return Marshal.PtrToStringAnsi(error.Message) + " (at byte " + error.Offset + ")";
        }
    }

    /// <summary>The connection is lost: what the server reported as online no longer counts. Feed it again.</summary>
    public void ConnectionLost() => PresenceNative.presence_client_connection_lost(client);

    /// <summary>Returns false if there is no such user.</summary>
    /// <exception cref="ArgumentException">The id is not Unicode, such as half of a surrogate pair.</exception>
    public bool TryGetUser(string id, out PresenceUser user)
    {
        PresenceNative.User read;
        byte[] utf8 = Utf8.GetBytes(id);
        int result;
        fixed (byte* start = utf8)
            result = PresenceNative.presence_client_read(client, start, utf8.Length, &read);
        user = result == (int)PresenceResult.Unchanged ? new PresenceUser(&read) : default(PresenceUser);
        return result == (int)PresenceResult.Unchanged;
    }

    /// <summary>The number of users that are known.</summary>
    public int Count => PresenceNative.presence_client_count(client);
    /// <summary>The number of users that are online.</summary>
    public int OnlineCount => PresenceNative.presence_client_online_count(client);

    /// <summary>Advances the time, and reports the users whose visible state changed. Call it once a frame.</summary>
    /// <remarks>
    /// The callback may call any member. What it feeds is reported before Poll returns. If it throws, the next Poll
    /// continues with the change after that. If it disposes the client, Poll returns.
    /// </remarks>
    /// <param name="nowMs">Milliseconds since 1970, UTC. An earlier time than before has no effect.</param>
    /// <param name="onChange">Keep it in a field: a new delegate for each frame is garbage.</param>
    public void Poll(long nowMs, Action<PresenceChange> onChange)
    {
        if (onChange == null) throw new ArgumentNullException(nameof(onChange));
        if (PresenceNative.presence_client_advance(client, nowMs) < 0)
            throw new ArgumentOutOfRangeException(nameof(nowMs), nowMs, "is not a time");
        while (!client.IsClosed && Fetch()) onChange(Take());
    }

    bool Fetch()
    {
        if (next < fetched) return true;
        next = 0;
        fixed (PresenceNative.Change* start = changes)
            fetched = PresenceNative.presence_client_poll(client, start, changes.Length);
        return fetched > 0;
    }

    PresenceChange Take()
    {
        fixed (PresenceNative.Change* change = &changes[next++]) return new PresenceChange(change);
    }

    public void Dispose() => client.Dispose();
}

/// <summary>The declarations of presence_c.h.</summary>
static unsafe class PresenceNative
{
#if (UNITY_IOS || UNITY_TVOS || UNITY_WEBGL) && !UNITY_EDITOR
    const string Library = "__Internal";
#else
    const string Library = "presence_c";
#endif
    const CallingConvention Call = CallingConvention.Cdecl;

    public const long Never = long.MinValue;

    [StructLayout(LayoutKind.Sequential)]
    public struct User
    {
        public long LastActiveMs;
        public int Online, IdSize, StatusSize;
        public fixed byte Id[256];
        public fixed byte Status[1028];
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Change
    {
        public long AtMs;
        public int What, Known;
        public User User;
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct Error
    {
        public int Code, Offset;
        public IntPtr Message; // ASCII; the library owns it
    }

    // A SafeHandle keeps the client alive during each call, and throws if it is closed.
    [DllImport(Library, CallingConvention = Call)]
    public static extern IntPtr presence_client_create(int maxUsers);
    [DllImport(Library, CallingConvention = Call)]
    public static extern void presence_client_destroy(IntPtr client);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_feed(SafeHandle client, byte* json, int size);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_feed_user(SafeHandle client, byte* json, int size, long atMs);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_advance(SafeHandle client, long nowMs);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_connection_lost(SafeHandle client);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_read(SafeHandle client, byte* id, int idSize, User* user);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_count(SafeHandle client);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_online_count(SafeHandle client);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_poll(SafeHandle client, Change* changes, int capacity);
    [DllImport(Library, CallingConvention = Call)]
    public static extern void presence_client_last_error(SafeHandle client, out Error error);
}

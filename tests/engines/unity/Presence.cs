// SPDX-License-Identifier: MIT
// The declarations of presence_c.h for Unity, and how they are used.
//
// This file was neither compiled nor run: no C# compiler and no Unity was there. The library behind it is tested from
// C, and that each function is declared here is all that is checked of this file.
//
// Put libpresence_c.so, presence_c.dll or presence_c.bundle under Assets/Plugins, and allow unsafe code in the
// assembly.
using System;
using System.Runtime.InteropServices;
using System.Text;

public static unsafe class PresenceNative
{
#if UNITY_IOS && !UNITY_EDITOR
    const string Library = "__Internal"; // linked statically: compile presence_c.cpp with PRESENCE_C_STATIC
#else
    const string Library = "presence_c";
#endif
    const CallingConvention Call = CallingConvention.Cdecl;

    public const int Unchanged = 0, Applied = 1, Ignored = 2;
    public const int BadArgument = -1, Unreadable = -2, Refused = -3, NotKnown = -4;
    public const int ChangedKnown = 1, ChangedOnline = 2, ChangedStatus = 4, ChangedLastActive = 8;
    public const long Never = long.MinValue;

    // Blittable, so that an array of them is filled without a copy.
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
        public IntPtr Message; // Marshal.PtrToStringAnsi; not to be freed
    }

    [DllImport(Library, CallingConvention = Call)]
    public static extern IntPtr presence_client_create(int maxUsers);
    [DllImport(Library, CallingConvention = Call)]
    public static extern void presence_client_destroy(IntPtr client);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_feed(IntPtr client, byte[] json, int size);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_feed_user(IntPtr client, byte[] json, int size, long atMs);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_advance(IntPtr client, long nowMs);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_connection_lost(IntPtr client);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_read(IntPtr client, byte[] id, int idSize, out User user);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_count(IntPtr client);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_online_count(IntPtr client);
    [DllImport(Library, CallingConvention = Call)]
    public static extern int presence_client_poll(IntPtr client, [In, Out] Change[] changes, int capacity);
    [DllImport(Library, CallingConvention = Call)]
    public static extern void presence_client_last_error(IntPtr client, out Error error);
}

/// <summary>One client; call it from the main thread, for example from Update.</summary>
public sealed unsafe class PresenceClient : IDisposable
{
    readonly PresenceNative.Change[] changes = new PresenceNative.Change[64];
    IntPtr client;

    public PresenceClient(int maxUsers)
    {
        client = PresenceNative.presence_client_create(maxUsers);
        if (client == IntPtr.Zero) throw new OutOfMemoryException();
    }

    /// <summary>An event that came over the web socket, as the bytes that came.</summary>
    public int Feed(byte[] json) => PresenceNative.presence_client_feed(client, json, json.Length);

    /// <summary>Once a frame: id, online, status and what changed of them.</summary>
    public void Poll(long nowMs, Action<string, bool, string, int> onChange)
    {
        PresenceNative.presence_client_advance(client, nowMs);
        int count;
        while ((count = PresenceNative.presence_client_poll(client, changes, changes.Length)) > 0)
        {
            for (int i = 0; i < count; ++i)
            {
                string id, status;
                fixed (PresenceNative.Change* change = &changes[i])
                {
                    id = Encoding.UTF8.GetString(change->User.Id, change->User.IdSize);
                    status = Encoding.UTF8.GetString(change->User.Status, change->User.StatusSize);
                }
                onChange(id, changes[i].User.Online != 0, status, changes[i].What);
            }
        }
    }

    public void Dispose()
    {
        PresenceNative.presence_client_destroy(client); // null does nothing
        client = IntPtr.Zero;
    }
}

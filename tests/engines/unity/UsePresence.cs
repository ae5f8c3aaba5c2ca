// SPDX-License-Identifier: MIT
// Tests Presence.cs as a game uses it, with the native library. Prints how many checks passed, or throws at the first
// that does not.
using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading;

static class UsePresence
{
    const long T0 = 1546867062000; // 2019-01-07T13:17:42Z
    static int passed;

    static void Equal<T>(T expected, T actual, [CallerLineNumber] int line = 0)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
            throw new Exception("line " + line + ": expected <" + expected + ">, found <" + actual + ">");
        ++passed;
    }

    static void Throws<E>(Action action, [CallerLineNumber] int line = 0) where E : Exception
    {
        try
        {
            action();
        }
        catch (E)
        {
            ++passed;
            return;
        }
        throw new Exception("line " + line + ": did not throw " + typeof(E).Name);
    }

    static string Iso(long ms) =>
        DateTimeOffset.FromUnixTimeMilliseconds(ms).UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss.fffZ");

    static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (char c in text)
        {
            if (c == '"' || c == '\\') quoted.Append('\\').Append(c);
            else if (c < ' ') quoted.AppendFormat("\\u{0:x4}", (int)c);
            else quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    // What a server sends about a user.
    static string Changed(string id, bool online, string status, long atMs) =>
        "{\"type\":\"user.presence.changed\",\"created_at\":\"" + Iso(atMs) + "\",\"user\":{\"id\":" + Quoted(id) +
        ",\"online\":" + (online ? "true" : "false") + ",\"status\":" + Quoted(status) + "}}";

    // What a device does, as the library writes it.
    static string Event(string type, string user, long atMs, string more = "") =>
        "{\"type\":\"" + type + "\",\"user\":" + Quoted(user) + ",\"at\":\"" + Iso(atMs) + "\"" + more + "}";

    static string Shown(PresenceChange change) =>
        change.User.Id + (change.Known ? (change.User.Online ? " online" : " offline") : " unknown") +
        (change.User.Status == "" ? "" : " '" + change.User.Status + "'") + ": " + change.Changed;

    // One frame of a game.
    static string Frame(PresenceClient client, long nowMs)
    {
        var all = new List<string>();
        client.Poll(nowMs, change => all.Add(Shown(change)));
        return string.Join("; ", all);
    }

    static void MirrorsAServer()
    {
        using (var client = new PresenceClient(100))
        {
            Equal("", Frame(client, T0));
            Equal(0, client.Count);
            // The first message of a connection.
            Equal(PresenceResult.Applied, client.Feed(
                "{\"type\":\"health.check\",\"created_at\":\"" + Iso(T0) + "\",\"connection_id\":\"c1\"," +
                "\"me\":{\"id\":\"me\",\"online\":true,\"status\":\"\"}}"));
            // The answer of a query.
            Equal(PresenceResult.Applied, client.FeedUser(
                "{\"id\":\"john\",\"online\":true,\"status\":\"Eating a veggie burger...\",\"last_active\":\"" +
                Iso(T0 + 375) + "\"}", T0 + 500));
            Equal(PresenceResult.Applied, client.FeedUser(Encoding.UTF8.GetBytes("{\"id\":\"zoe\"}"), T0 + 500));
            Equal("john online 'Eating a veggie burger...': Known, Online, Status, LastActive; " +
                  "me online: Known, Online; zoe offline: Known", Frame(client, T0 + 16));
            Equal("", Frame(client, T0 + 33));
            Equal(3, client.Count);
            Equal(2, client.OnlineCount);
            PresenceUser john;
            Equal(true, client.TryGetUser("john", out john));
            Equal("john", john.Id);
            Equal(true, john.Online);
            Equal("Eating a veggie burger...", john.Status);
            Equal(DateTimeOffset.FromUnixTimeMilliseconds(T0 + 375), john.LastActive.Value);
            PresenceUser zoe;
            Equal(true, client.TryGetUser("zoe", out zoe));
            Equal(false, zoe.Online);
            Equal(null, zoe.LastActive);
            Equal(false, client.TryGetUser("carl", out john));
            Equal(null, john.Id);

            Equal(PresenceResult.Applied, client.Feed(Changed("john", true, "In a match 2/4", T0 + 1000)));
            Equal(PresenceResult.Unchanged, client.Feed(Changed("john", true, "In a match 2/4", T0 + 1000)));
            Equal(PresenceResult.Ignored, client.Feed("{\"type\":\"message.new\",\"message\":{}}"));
            Equal(null, client.LastError);
            Equal("john online 'In a match 2/4': Status", Frame(client, T0 + 1016));
            // An older event that arrives late has no effect.
            client.Feed(Changed("john", false, "late", T0 + 900));
            Equal("", Frame(client, T0 + 1033));
            // A change that was undone before the next frame is none.
            client.Feed(Changed("john", false, "In a match 2/4", T0 + 1100));
            client.Feed(Changed("john", true, "In a match 2/4", T0 + 1200));
            Equal("", Frame(client, T0 + 1250));

            client.ConnectionLost();
            Equal("john offline 'In a match 2/4': Online; me offline: Online", Frame(client, T0 + 2000));
            Equal(0, client.OnlineCount);
            client.FeedUser("{\"id\":\"john\",\"online\":true,\"status\":\"\"}", T0 + 3000);
            Equal("john online: Online, Status", Frame(client, T0 + 3000));
            client.Feed("{\"type\":\"user.deleted\",\"created_at\":\"" + Iso(T0 + 4000) +
                        "\",\"user\":{\"id\":\"john\"}}");
            Equal("john unknown: Known, Online, LastActive", Frame(client, T0 + 4000));
            Equal(2, client.Count);
        }
    }

    static void AppliesTheEventsOfSessions()
    {
        using (var client = new PresenceClient(100))
        {
            Frame(client, T0);
            Equal(PresenceResult.Applied, client.Feed(Event("connect", "john", T0, ",\"session\":\"phone\"")));
            Equal(PresenceResult.Applied, client.Feed(Event("status", "john", T0 + 1, ",\"status\":\"Lobby\"")));
            Equal("john online 'Lobby': Known, Online, Status, LastActive", Frame(client, T0 + 16));
            // Heartbeats keep a session for 40 s each.
            client.Feed(Event("heartbeat", "john", T0 + 30000, ",\"session\":\"phone\""));
            Equal("", Frame(client, T0 + 30000));
            Equal("", Frame(client, T0 + 69000));
            Equal("john offline 'Lobby': Online", Frame(client, T0 + 71000));
            Equal("", Frame(client, T0 + 60000)); // time does not go back
            Equal(0, client.OnlineCount);
            Equal(PresenceResult.Applied, client.Feed(Event("connect", "john", T0 + 80000, ",\"session\":\"pc\"")));
            Equal("john online 'Lobby': Online, LastActive", Frame(client, T0 + 80000));
            // An invisible user reads as offline, and what they do is not seen.
            Equal(PresenceResult.Applied, client.Feed(Event("visible", "john", T0 + 81000, ",\"invisible\":true")));
            Equal("john offline 'Lobby': Online", Frame(client, T0 + 81000));
            Equal(PresenceResult.Applied, client.Feed(Event("heartbeat", "john", T0 + 90000, ",\"session\":\"pc\"")));
            Equal("", Frame(client, T0 + 90000));
            Equal(PresenceResult.Applied, client.Feed(Event("visible", "john", T0 + 91000, ",\"invisible\":false")));
            Equal("john online 'Lobby': Online, LastActive", Frame(client, T0 + 91000));
            Equal(PresenceResult.Applied, client.Feed(Event("disconnect", "john", T0 + 92000, ",\"session\":\"pc\"")));
            Equal("john offline 'Lobby': Online", Frame(client, T0 + 92000));
        }
    }

    static void Text()
    {
        using (var client = new PresenceClient(100))
        {
            string[] texts = { "Jörg", "ß", "日本語", "👩‍🚀🚀", "e\u0301", "a\0b", "with \"quotes\" \\ and\nlines",
                               new string('é', 127) };
            foreach (string text in texts)
            {
                Equal(PresenceResult.Applied, client.Feed(Changed(text, true, text, T0)));
                PresenceUser user;
                Equal(true, client.TryGetUser(text, out user));
                Equal(text, user.Id);
                Equal(text, user.Status);
            }
            Equal(texts.Length, client.Count);
            var seen = new HashSet<string>();
            client.Poll(T0, change => seen.Add(change.User.Id + "/" + change.User.Status));
            foreach (string text in texts) Equal(true, seen.Contains(text + "/" + text));

            // Of a longer status that the server sends, 1,024 bytes are kept, in whole characters. One of a session is
            // refused, and so is a longer id.
            client.Feed(Changed("long", true, string.Concat("x", new string('é', 600)), T0));
            PresenceUser longer;
            Equal(true, client.TryGetUser("long", out longer));
            Equal("x" + new string('é', 511), longer.Status);
            string tooLong = ",\"status\":\"" + new string('s', 1028) + "\"";
            Equal(PresenceResult.Refused, client.Feed(Event("status", "long", T0 + 1, tooLong)));
            Equal(PresenceResult.Applied, client.Feed(Changed(new string('i', 255), true, "", T0)));
            Equal(PresenceResult.Refused, client.Feed(Changed(new string('i', 256), true, "", T0)));
            Equal(true, client.TryGetUser(new string('i', 255), out longer));
            Equal(false, client.TryGetUser(new string('i', 256), out longer));
            Equal(false, client.TryGetUser("", out longer));
            // An empty status removes it.
            client.Feed(Changed("Jörg", true, "", T0 + 1000));
            Equal(true, client.TryGetUser("Jörg", out longer));
            Equal("", longer.Status);
        }
    }

    static void BadInput()
    {
        Throws<ArgumentOutOfRangeException>(() => new PresenceClient(-1));
        using (var nobody = new PresenceClient(0))
        {
            Equal(PresenceResult.Refused, nobody.Feed(Changed("john", true, "", T0)));
            Equal(0, nobody.Count);
        }
        using (var client = new PresenceClient(3))
        {
            Equal(PresenceResult.Unreadable, client.Feed(""));
            Equal("the text is truncated (at byte 0)", client.LastError);
            Equal(PresenceResult.Unreadable, client.Feed(new byte[0]));
            Equal(PresenceResult.Unreadable, client.Feed("no JSON"));
            Equal(PresenceResult.Unreadable, client.Feed("{\"type\":\"user.presence.changed\","));
            Equal("the text is truncated (at byte 32)", client.LastError);
            Equal(PresenceResult.Unreadable, client.FeedUser("[]", T0));
            byte[] broken = Encoding.UTF8.GetBytes(Changed("john?", true, "", T0));
            broken[Array.IndexOf(broken, (byte)'?')] = 0xff;
            Equal(PresenceResult.Unreadable, client.Feed(broken));
            Equal(true, client.LastError.StartsWith("not UTF-8 (at byte "));
            Equal(PresenceResult.Unreadable, client.Feed(Changed("", true, "", T0)));
            Equal(true, client.LastError.StartsWith("the id of a user is empty"));
            Equal(PresenceResult.Refused, client.Feed(Event("status", "", T0, ",\"status\":\"\"")));
            Equal(true, client.LastError.StartsWith("an empty id"));
            Equal(PresenceResult.Refused, client.FeedUser("{\"id\":\"john\",\"online\":true}", long.MaxValue));
            Throws<ArgumentOutOfRangeException>(() => client.Poll(long.MaxValue, change => { }));
            Throws<ArgumentException>(() => client.Feed(Changed("\ud83d", true, "", T0))); // half of an emoji
            Throws<ArgumentException>(() => client.FeedUser("{\"id\":\"\ud83d\"}", T0));
            PresenceUser user;
            Throws<ArgumentException>(() => client.TryGetUser("\ud83d", out user));
            Throws<ArgumentNullException>(() => client.Feed((string)null));
            Throws<ArgumentNullException>(() => client.Feed((byte[])null));
            Throws<ArgumentNullException>(() => client.Feed(null, 0, 0));
            Throws<ArgumentNullException>(() => client.FeedUser((string)null, T0));
            Throws<ArgumentNullException>(() => client.FeedUser((byte[])null, T0));
            Throws<ArgumentNullException>(() => client.TryGetUser(null, out user));
            Throws<ArgumentNullException>(() => client.Poll(T0, null));
            Equal(0, client.Count);
            Equal("", Frame(client, T0));

            // Part of a buffer.
            byte[] json = Encoding.UTF8.GetBytes("...." + Changed("john", true, "", T0) + "..");
            Equal(PresenceResult.Applied, client.Feed(json, 4, json.Length - 6));
            Equal(PresenceResult.Unreadable, client.Feed(json, json.Length, 0));
            foreach (int[] range in new[] { new[] { -1, 1 }, new[] { json.Length + 1, 0 }, new[] { 0, -1 },
                                            new[] { 4, json.Length - 3 }, new[] { 4, int.MaxValue } })
                Throws<ArgumentOutOfRangeException>(() => client.Feed(json, range[0], range[1]));

            // More users than fit.
            client.Feed(Changed("mary", true, "", T0));
            client.Feed(Changed("jack", true, "", T0));
            Equal(PresenceResult.Refused, client.Feed(Changed("zoe", true, "", T0)));
            Equal(true, client.LastError.Contains("too many users"));
            Equal(3, client.Count);
            Equal(PresenceResult.Applied, client.Feed(Changed("john", false, "", T0 + 1)));
            Equal(null, client.LastError);
        }
    }

    static void ManyUsers()
    {
        const int users = 5000;
        using (var client = new PresenceClient(users))
        {
            for (int i = 0; i < users; ++i)
                client.Feed(Changed("user-" + i, i % 2 == 0, "Level " + i + " ✨", T0 + i));
            Equal(users, client.Count);
            Equal(users / 2, client.OnlineCount);
            var seen = new Dictionary<string, string>();
            client.Poll(T0 + users, change =>
            {
                seen.Add(change.User.Id, (change.User.Online ? "+" : "-") + change.User.Status); // throws on a second
                if (seen.Count % 1000 == 0) GC.Collect();
            });
            Equal(users, seen.Count);
            for (int i = 0; i < users; ++i)
                Equal((i % 2 == 0 ? "+" : "-") + "Level " + i + " ✨", seen["user-" + i]);
            client.ConnectionLost();
            int offline = 0;
            client.Poll(T0 + users, change =>
            {
                if (change.Changed == PresenceFields.Online && !change.User.Online) ++offline;
            });
            Equal(users / 2, offline);
            Equal("", Frame(client, T0 + users));
        }
    }

    // What a callback may do.
    static void Callbacks()
    {
        using (var client = new PresenceClient(1000))
        {
            // Feed: that is reported by the same Poll.
            client.Feed(Changed("mary", true, "Follow me", T0));
            var seen = new List<string>();
            client.Poll(T0, change =>
            {
                seen.Add(change.User.Id);
                if (change.User.Id == "mary") client.Feed(Changed("jack", true, "", T0 + 1));
            });
            Equal("mary jack", string.Join(" ", seen));

            // Poll: each change is reported once.
            for (int i = 0; i < 200; ++i) client.Feed(Changed("n" + i, true, "", T0));
            var counts = new Dictionary<string, int>();
            Action<PresenceChange> nested = null;
            nested = change =>
            {
                int count;
                counts.TryGetValue(change.User.Id, out count);
                counts[change.User.Id] = count + 1;
                client.Poll(T0, nested);
            };
            client.Poll(T0, nested);
            Equal(200, counts.Count);
            foreach (int count in counts.Values) Equal(1, count);

            // Throw: the others are not lost.
            for (int i = 0; i < 200; ++i) client.Feed(Changed("n" + i, false, "", T0 + 10));
            int calls = 0;
            for (int i = 0; i < 3; ++i)
            {
                Throws<InvalidOperationException>(() => client.Poll(T0 + 10, change =>
                {
                    if (++calls % 50 == 0) throw new InvalidOperationException();
                }));
            }
            Equal(150, calls);
            client.Poll(T0 + 10, change => ++calls);
            Equal(200, calls);

            // Dispose: Poll returns.
            for (int i = 0; i < 200; ++i) client.Feed(Changed("n" + i, true, "", T0 + 20));
            calls = 0;
            client.Poll(T0 + 20, change =>
            {
                ++calls;
                client.Dispose();
            });
            Equal(1, calls);
        }
    }

    static void Disposal()
    {
        var client = new PresenceClient(10);
        client.Feed(Changed("john", true, "", T0));
        client.Dispose();
        client.Dispose();
        PresenceUser user;
        Throws<ObjectDisposedException>(() => client.Feed(Changed("john", true, "", T0)));
        Throws<ObjectDisposedException>(() => client.FeedUser("{\"id\":\"john\"}", T0));
        Throws<ObjectDisposedException>(() => client.Poll(T0, change => { }));
        Throws<ObjectDisposedException>(() => client.TryGetUser("john", out user));
        Throws<ObjectDisposedException>(() => client.ConnectionLost());
        Throws<ObjectDisposedException>(() => Equal(0, client.Count));
        Throws<ObjectDisposedException>(() => Equal(0, client.OnlineCount));
        Throws<ObjectDisposedException>(() => Equal(null, client.LastError));
        // Two clients share nothing.
        using (var a = new PresenceClient(10))
        using (var b = new PresenceClient(10))
        {
            a.Feed(Changed("john", true, "", T0));
            Equal(1, a.Count);
            Equal(0, b.Count);
            Equal("", Frame(b, T0));
        }
    }

    // The resident memory of this process, on Linux.
    static long ResidentMegabytes()
    {
        string pages = File.ReadAllText("/proc/self/statm").Split(' ')[1];
        return long.Parse(pages) * Environment.SystemPageSize >> 20;
    }

    static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    static void Abandon(byte[] users)
    {
        var client = new PresenceClient(100000);
        client.Feed(users);
        for (int i = 0; i < 2000; ++i) client.Feed(Changed("user-" + i, true, new string('s', 500), T0));
        Equal(2000, client.Count);
    }

    // Clients that are never disposed: the garbage collector frees what they have, 1 MB each.
    static void AbandonedClientsAreFreed()
    {
        byte[] none = Encoding.UTF8.GetBytes("{\"type\":\"message.new\"}");
        for (int i = 0; i < 5; ++i) Abandon(none);
        Collect();
        long before = ResidentMegabytes();
        for (int i = 0; i < 100; ++i)
        {
            Abandon(none);
            Collect();
        }
        long grown = ResidentMegabytes() - before;
        if (grown > 50) throw new Exception("100 abandoned clients took " + grown + " MB");
        ++passed;
    }

    // Collections at any time, while clients are used that nothing refers to after their last call.
    static void CollectionsDuringCalls()
    {
        bool stop = false;
        var collector = new Thread(() =>
        {
            while (!Volatile.Read(ref stop)) Collect();
        });
        collector.Start();
        try
        {
            byte[] json = Encoding.UTF8.GetBytes(Changed("john", true, "Grüße 🎮", T0));
            for (int i = 0; i < 2000; ++i)
            {
                Equal(PresenceResult.Applied, new PresenceClient(10).Feed(json));
                var client = new PresenceClient(10);
                client.Feed(json);
                int at = i;
                client.Poll(T0, change => Equal("Grüße 🎮" + at, change.User.Status + at));
            }
        }
        finally
        {
            Volatile.Write(ref stop, true);
            collector.Join();
        }
    }

    static void Main()
    {
        MirrorsAServer();
        AppliesTheEventsOfSessions();
        Text();
        BadInput();
        ManyUsers();
        Callbacks();
        Disposal();
        AbandonedClientsAreFreed();
        CollectionsDuringCalls();
        Console.WriteLine(passed + " checks passed");
    }
}
